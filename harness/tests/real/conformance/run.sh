#!/bin/sh
# Has Gauntlet's own OAuth client judged by the official conformance suite, and compares the outcome with expected.json.
#
#   harness/tests/real/conformance/run.sh [--update] [SCENARIO…]
#
# Installs the pinned suite into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-conformance, once, and Node 22 beside it where an older
# one is on the PATH; needs npm and python3, and the network for that alone. The suite's servers listen on loopback.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gauntlet-conformance
GAUNTLET=${GAUNTLET:-$here/../../../../target/debug/gauntlet}
[ -x "$GAUNTLET" ] || { echo "no $GAUNTLET; run: cargo build -p gauntlet-cli" >&2; exit 2; }

mkdir -p "$cache/suite" "$cache/node" "$cache/results"
if ! cmp -s "$here/package.json" "$cache/suite/installed.json"; then
    cp "$here/package.json" "$cache/suite/package.json"
    (cd "$cache/suite" && npm install --no-audit --no-fund --ignore-scripts) || exit 2
    cp "$here/package.json" "$cache/suite/installed.json"
fi
if ! node -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)'; then
    # A script of this package fetches the program, which is a package too.
    [ -x "$cache/node/node_modules/.bin/node" ] ||
        (cd "$cache/node" && echo '{ "private": true, "allowScripts": { "node": true } }' > package.json &&
            npm install --no-audit --no-fund node@22.23.3) || exit 2
    PATH=$cache/node/node_modules/.bin:$PATH
fi
PATH=$cache/suite/node_modules/.bin:$PATH
export PATH GAUNTLET
exec python3 "$here/judge.py" "$cache/results" "$@"
