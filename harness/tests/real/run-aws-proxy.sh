#!/bin/sh
# Runs the packs profiles, gateway and mcp through mcp-proxy-for-aws and compares the outcome with expected.json.
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

real=$(cd "$(dirname "$0")" && pwd)
. "$real/common.sh"

update=
[ "${1-}" = --update ] && { update=--update; shift; }
[ $# -gt 0 ] || set -- mcp-proxy-for-aws mcp-proxy-for-aws-single mcp-proxy-for-aws-ghost mcp-proxy-for-aws-read-only \
    mcp-proxy-for-aws-metadata mcp-proxy-for-aws-impatient mcp-proxy-for-aws-no-credentials \
    mcp-proxy-for-aws-wrong-secret mcp-proxy-for-aws-gateway mcp-proxy-for-aws-mcp

python_packages aws-proxy "$real/aws-proxy/requirements.txt"

cd "$real/aws-proxy"
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
        *-gateway) scenarios='gateway.*' ;;
        *-mcp) scenarios='mcp.*' ;;
        *) scenarios='profiles.*' ;;
    esac
    record "$target" "$scenarios" --target "$target" --jobs "${JOBS:-2}"
done
exec python3 "$real/compare.py" $update "$cache/reports" "$@"
