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

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gauntlet-real
gauntlet=${GAUNTLET:-$here/../../../../target/debug/gauntlet}
[ -x "$gauntlet" ] || { echo "no $gauntlet; run: cargo build -p gauntlet-cli" >&2; exit 2; }
command -v curl > /dev/null || { echo "curl is not on the PATH" >&2; exit 2; }

mkdir -p "$cache/node" "$cache/reports"
if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number)
    process.exit(major >= 24 || (major === 22 && minor >= 21) ? 0 : 1)'; then
    # A script of this package fetches the program, which is a package too.
    [ -x "$cache/node/node_modules/.bin/node" ] ||
        (cd "$cache/node" && echo '{ "private": true, "allowScripts": { "node": true } }' > package.json &&
            npm install --no-audit --no-fund node@22.23.3) || exit 2
    PATH=$cache/node/node_modules/.bin:$PATH
fi
if ! cmp -s "$here/requirements.txt" "$cache/intercept-python/installed.txt"; then
    python3 -m venv "$cache/intercept-python" || exit 2
    "$cache/intercept-python/bin/pip" install --quiet -r "$here/requirements.txt" || exit 2
    cp "$here/requirements.txt" "$cache/intercept-python/installed.txt"
fi
PATH=$cache/intercept-python/bin:$PATH
export PATH

cd "$here"
report=$cache/reports/intercept.json
rm -f "$report"
# 1 is what the untrusting targets give; check.py judges.
code=0
"$gauntlet" run --jobs "${JOBS:-2}" --quiet --report "json=$report" > "$cache/reports/intercept.txt" 2>&1 || code=$?
[ "$code" -le 1 ] || { echo "gauntlet gave exit code $code; see $cache/reports/intercept.txt" >&2; exit 2; }
exec python3 "$here/check.py" "$report"
