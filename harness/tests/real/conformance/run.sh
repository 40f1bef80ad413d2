#!/bin/sh
# Has Gauntlet's own OAuth client judged by the official conformance suite, and compares the outcome with expected.json.
#
#   harness/tests/real/conformance/run.sh [--update] [SCENARIO…]
#
# Installs the pinned suite into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once, and Node 22 beside it where an older one is on
# the PATH; needs npm and python3, and the network for that alone. The suite's servers listen on loopback.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")/.." && pwd)
. "$real/common.sh"

node_22_unless 'major >= 22'
npm_packages conformance "$real/conformance/package.json"

mkdir -p "$cache/conformance-results"
export GAUNTLET="$gauntlet"
exec python3 "$real/conformance/judge.py" "$cache/conformance-results" "$@"
