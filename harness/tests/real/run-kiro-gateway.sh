#!/bin/sh
# Runs the pack kiro-gateway on aiclient-api and compares the outcome with expected.json.
#
#   harness/tests/real/run-kiro-gateway.sh [--update]
#
# Builds a pinned version into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once; needs cargo, OpenSSL's headers and python3, and
# the network for that alone. The gateway is started by gauntlet for each case; the hosts that it wants are a mock on loopback.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#   JOBS      cases at the same time (default: 4)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")" && pwd)
. "$real/common.sh"

crate aiclient-api 0.1.0

cd "$real/kiro-gateway"
record aiclient-api 'kiro-gateway.*' --target aiclient-api --jobs "${JOBS:-4}"
exec python3 "$real/compare.py" "$@" "$cache/reports" aiclient-api
