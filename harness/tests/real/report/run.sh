#!/bin/sh
# Opens the page of a run with failures, a history and both hops in real, headless Chromium, and a page full of what a hostile
# target may send.
#
#   harness/tests/real/report/run.sh [PICTURES]
#
# Needs python3, chromium and chromedriver (Debian: chromium, chromium-driver; as root they are installed if they are missing, the
# only use of the network). Pictures are left in PICTURES (default: ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real/report).
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
real=$here/..
. "$real/common.sh"
. "$real/browser/chromium.sh"
pictures=${1:-$cache/report}
mkdir -p "$pictures"
pictures=$(cd "$pictures" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM HUP
cd "$work"

# The command with an exit code that it has to give: CODE, what it is told.
gauntlet() {
    want=$1; shift
    code=0
    "$gauntlet" "$@" > out 2>&1 || code=$?
    [ "$code" = "$want" ] || { tail -n 40 out >&2; echo "gauntlet $* gave exit code $code, not $want" >&2; exit 1; }
}

packs='kiro.web-search.* auth.flow.* agentcore.challenge.*'
# Two good nights, and one on which something broke.
set -f
for defects in '' '' '--defect kiro-runtime:identity-gate-open --defect agentcore-gateway:challenge-metadata-404'; do
    # shellcheck disable=SC2086 # several words
    gauntlet "$([ -z "$defects" ] && echo 0 || echo 1)" run $packs $defects --environment staging --quiet \
        --history nightly.db --report jsonl=run.jsonl --report html=run.html
done
set +f
gauntlet 0 report run.jsonl --format html --output again.html --history nightly.db --coverage
python3 "$here/hostile.py" run.jsonl > hostile.jsonl
gauntlet 0 report hostile.jsonl --format html --output hostile.html

python3 "$here/check.py" again.html "$pictures" || exit 1
python3 "$here/check.py" run.html || exit 1
python3 "$here/check.py" --hostile hostile.html || exit 1
python3 "$here/check.py" --self-test again.html || exit 1
