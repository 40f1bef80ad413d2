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

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gauntlet-real
gauntlet=${GAUNTLET:-$here/../../../target/debug/gauntlet}
[ -x "$gauntlet" ] || { echo "no $gauntlet; run: cargo build -p gauntlet-cli" >&2; exit 2; }

update=
[ "${1-}" = --update ] && { update=--update; shift; }
[ $# -gt 0 ] || set -- everything-http everything-stdio fastmcp-http fastmcp-stdio python-sdk-http python-sdk-stdio \
    filesystem-stdio memory-stdio

mkdir -p "$cache/node" "$cache/reports"
if ! cmp -s "$here/package.json" "$cache/node/installed.json"; then
    cp "$here/package.json" "$cache/node/package.json"
    (cd "$cache/node" && npm install --no-audit --no-fund --ignore-scripts) || exit 2
    cp "$here/package.json" "$cache/node/installed.json"
fi
if ! cmp -s "$here/requirements.txt" "$cache/python/installed.txt"; then
    python3 -m venv "$cache/python" || exit 2
    "$cache/python/bin/pip" install --quiet -r "$here/requirements.txt" || exit 2
    cp "$here/requirements.txt" "$cache/python/installed.txt"
fi

PATH=$cache/node/node_modules/.bin:$cache/python/bin:$PATH
export PATH
cd "$here"
for target in "$@"; do
    rm -f "$cache/reports/$target.json"
    # 1 is what a server that departs from the specification gives; compare.py judges.
    code=0
    "$gauntlet" run --target "$target" --jobs "${JOBS:-8}" --quiet --report "json=$cache/reports/$target.json" \
        > "$cache/reports/$target.txt" 2>&1 || code=$?
    [ "$code" -le 1 ] || { echo "$target: gauntlet gave exit code $code; see $cache/reports/$target.txt" >&2; exit 2; }
done
exec python3 compare.py $update "$cache/reports" "$@"
