#!/bin/sh
# Runs the official conformance suite against the mock of an MCP server, and ours too; holds both against each other, check by
# check, and makes a baseline of what both find.
#
#   harness/tests/real/conformance/compare.sh [URL]
#
# With a URL that server is judged in place of the mock. Installs as run.sh does; everything goes to
# ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real/conformance-compare.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#
# Exit code: 0 both ran and the table was made, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")/.." && pwd)
. "$real/common.sh"

node_22_unless 'major >= 22'
npm_packages conformance "$real/conformance/package.json"

found=$cache/conformance-compare
rm -rf "$found"
mkdir -p "$found"
cd "$found"

url=${1:-}
if [ -z "$url" ]; then
    "$gauntlet" mock mcp-server --port 0 > mock.txt 2>&1 &
    mock=$!
    trap 'kill $mock 2>/dev/null || :' EXIT INT TERM
    tries=0
    until url=$(sed -n 's/^mcp-server at //p' mock.txt) && [ -n "$url" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "the mock did not start" >&2; exit 2; }
        sleep 0.1
    done
fi

# The suite exits with 1 for what it finds; that is what is compared here.
conformance server --url "$url" --suite active -o suite > suite.txt 2>&1 || :
conformance server --url "$url" --requirements 2026-07-28 -o suite > suite-2026-07-28.txt 2>&1 || :
set -- suite/*/checks.json
[ -f "$1" ] || { cat suite.txt >&2; exit 2; }

record conformance-compare --target "$url"
run=$cache/reports/conformance-compare.json
"$gauntlet" baseline compare "$run" "$@" || [ $? -eq 1 ] || exit 2
"$gauntlet" baseline import "$@" --run "$run" --file baseline.yaml > import.txt || exit 2
tail -n 1 import.txt
