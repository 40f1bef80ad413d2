#!/bin/sh
# Puts upstreams in place of hosts for programs that know nothing of it: curl, Python and Node clients, and a Kiro gateway
# from PyPI; and looks whether programs that do not trust the authority of the run are told apart.
#
#   harness/tests/real/intercept/run.sh
#
# Installs pinned versions into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once, and Node 22 beside them where the one on the
# PATH does not read the proxy's variables; needs curl, npm and python3, and the network for that alone.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#   JOBS      cases at the same time (default: 2)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")/.." && pwd)
. "$real/common.sh"
command -v curl > /dev/null || { echo "curl is not on the PATH" >&2; exit 2; }

node_22_unless 'major >= 24 || (major === 22 && minor >= 21)'
python_packages intercept-python "$real/intercept/requirements.txt"

cd "$real/intercept"
record intercept --jobs "${JOBS:-2}"
exec python3 check.py "$cache/reports/intercept.json"
