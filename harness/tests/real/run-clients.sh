#!/bin/sh
# Drives real clients through the pack clients and clients/scenarios, and compares the outcome with expected.json.
#
#   harness/tests/real/run-clients.sh [--update] [TARGET…]
#
# Installs pinned versions into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once, and Node 22 beside them where the one on
# the PATH is older than the Inspector wants; needs npm and python3, and the network for that alone. Server, OpenID provider and browser are gauntlet's and stay on loopback.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#   JOBS      cases at the same time (default: 2)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gauntlet-real
gauntlet=${GAUNTLET:-$here/../../../target/debug/gauntlet}
[ -x "$gauntlet" ] || { echo "no $gauntlet; run: cargo build -p gauntlet-cli" >&2; exit 2; }

update=
[ "${1-}" = --update ] && { update=--update; shift; }
[ $# -gt 0 ] || set -- mcp-remote mcp-remote-auto mcp-remote-registering mcp-remote-auto-registering mcp-remote-secret \
    mcp-remote-entra inspector inspector-registering inspector-secret python-sdk-client python-sdk-registering \
    python-sdk-secret fastmcp-client fastmcp-registering fastmcp-secret

mkdir -p "$cache/clients" "$cache/node" "$cache/reports"
if ! cmp -s "$here/clients/package.json" "$cache/clients/installed.json"; then
    cp "$here/clients/package.json" "$cache/clients/package.json"
    (cd "$cache/clients" && npm install --no-audit --no-fund --ignore-scripts) || exit 2
    cp "$here/clients/package.json" "$cache/clients/installed.json"
fi
if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number)
    process.exit(major > 22 || (major === 22 && minor >= 19) ? 0 : 1)'; then
    # A script of this package fetches the program, which is a package too.
    [ -x "$cache/node/node_modules/.bin/node" ] ||
        (cd "$cache/node" && echo '{ "private": true, "allowScripts": { "node": true } }' > package.json &&
            npm install --no-audit --no-fund node@22.23.3) || exit 2
    PATH=$cache/node/node_modules/.bin:$PATH
fi
if ! cmp -s "$here/clients/requirements.txt" "$cache/clients-python/installed.txt"; then
    python3 -m venv "$cache/clients-python" || exit 2
    "$cache/clients-python/bin/pip" install --quiet -r "$here/clients/requirements.txt" || exit 2
    cp "$here/clients/requirements.txt" "$cache/clients-python/installed.txt"
fi

PATH=$cache/clients/node_modules/.bin:$cache/clients-python/bin:$PATH
export PATH
cd "$here/clients"
for target in "$@"; do
    rm -f "$cache/reports/$target.json"
    # 1 is what a client that departs from the specification gives; compare.py judges.
    code=0
    "$gauntlet" run --target "$target" --jobs "${JOBS:-2}" --quiet --report "json=$cache/reports/$target.json" \
        > "$cache/reports/$target.txt" 2>&1 || code=$?
    [ "$code" -le 1 ] || { echo "$target: gauntlet gave exit code $code; see $cache/reports/$target.txt" >&2; exit 2; }
done
exec python3 "$here/compare.py" $update "$cache/reports" "$@"
