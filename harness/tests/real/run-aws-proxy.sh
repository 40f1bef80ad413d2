#!/bin/sh
# Runs the packs profiles and mcp through mcp-proxy-for-aws and compares the outcome with expected.json.
#
#   harness/tests/real/run-aws-proxy.sh [--update] [TARGET…]
#
# Installs a pinned version into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once; needs python3, and the network for that
# alone. The proxy is started by gauntlet, one process for each client of each case, with made-up profiles; what it signs for
# is a mock on loopback.
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
[ $# -gt 0 ] || set -- mcp-proxy-for-aws mcp-proxy-for-aws-single mcp-proxy-for-aws-ghost mcp-proxy-for-aws-read-only \
    mcp-proxy-for-aws-metadata mcp-proxy-for-aws-impatient mcp-proxy-for-aws-no-credentials \
    mcp-proxy-for-aws-wrong-secret mcp-proxy-for-aws-mcp

mkdir -p "$cache/reports"
if ! cmp -s "$here/aws-proxy/requirements.txt" "$cache/aws-proxy/installed.txt"; then
    python3 -m venv "$cache/aws-proxy" || exit 2
    "$cache/aws-proxy/bin/pip" install --quiet -r "$here/aws-proxy/requirements.txt" || exit 2
    cp "$here/aws-proxy/requirements.txt" "$cache/aws-proxy/installed.txt"
fi

PATH=$cache/aws-proxy/bin:$PATH
export PATH
cd "$here/aws-proxy"
for target in "$@"; do
    # A target that is set up for one scenario runs that one.
    case $target in
        *-single) scenarios=profiles.argument-lost-with-a-single-profile ;;
        *-ghost) scenarios=profiles.unknown-profile-signs-as-the-default ;;
        *-read-only) scenarios='profiles.read-only-mode-*' ;;
        *-metadata) scenarios=profiles.metadata-does-not-arrive ;;
        *-impatient) scenarios=profiles.upstream-timeout-hangs-the-client ;;
        *-no-credentials) scenarios=profiles.initialize-fails-without-a-reason ;;
        *-wrong-secret) scenarios=profiles.secret-shown-in-an-error ;;
        *-mcp) scenarios='mcp.*' ;;
        *) scenarios='profiles.*' ;;
    esac
    rm -f "$cache/reports/$target.json"
    # 1 is what a proxy that departs from the requirements gives; compare.py judges.
    code=0
    "$gauntlet" run "$scenarios" --target "$target" --jobs "${JOBS:-2}" --quiet \
        --report "json=$cache/reports/$target.json" > "$cache/reports/$target.txt" 2>&1 || code=$?
    [ "$code" -le 1 ] || { echo "$target: gauntlet gave exit code $code; see $cache/reports/$target.txt" >&2; exit 2; }
done
exec python3 "$here/compare.py" $update "$cache/reports" "$@"
