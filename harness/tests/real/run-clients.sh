#!/bin/sh
# Drives real clients through the pack clients and clients/scenarios, and compares the outcome with expected.json.
#
#   harness/tests/real/run-clients.sh [--update] [TARGET…]
#
# Installs pinned versions into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once, and Node 22 beside them where the one on
# the PATH is older than the Inspector wants; needs npm and python3, and the network for that alone. Server, OpenID provider
# and browser are gauntlet's and stay on loopback.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#   JOBS      cases at the same time (default: 2)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")" && pwd)
. "$real/common.sh"

update=
[ "${1-}" = --update ] && { update=--update; shift; }
[ $# -gt 0 ] || set -- mcp-remote mcp-remote-auto mcp-remote-registering mcp-remote-auto-registering mcp-remote-secret \
    mcp-remote-entra inspector inspector-registering inspector-secret python-sdk-client python-sdk-registering \
    python-sdk-secret fastmcp-client fastmcp-registering fastmcp-secret

node_22_unless 'major > 22 || (major === 22 && minor >= 19)'
npm_packages clients "$real/clients/package.json"
python_packages clients-python "$real/clients/requirements.txt"

cd "$real/clients"
for target in "$@"; do
    record "$target" --target "$target" --jobs "${JOBS:-2}"
done
exec python3 "$real/compare.py" $update "$cache/reports" "$@"
