#!/bin/sh
# Runs the mcp pack on real servers and compares the outcome with expected.json.
#
#   harness/tests/real/run.sh [--update] [TARGET…]
#
# Installs pinned versions into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once; needs node, npm and python3, and the
# network for that alone. The servers themselves are started and ended by gauntlet and listen on loopback.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#   JOBS      cases at the same time (default: 8)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")" && pwd)
. "$real/common.sh"

update=
[ "${1-}" = --update ] && { update=--update; shift; }
[ $# -gt 0 ] || set -- everything-http everything-stdio fastmcp-http fastmcp-stdio python-sdk-http python-sdk-stdio \
    filesystem-stdio memory-stdio

npm_packages servers "$real/package.json"
python_packages servers-python "$real/requirements.txt"

cd "$real"
for target in "$@"; do
    record "$target" --target "$target" --jobs "${JOBS:-8}"
done
exec python3 "$real/compare.py" $update "$cache/reports" "$@"
