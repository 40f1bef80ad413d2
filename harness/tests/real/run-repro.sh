#!/bin/sh
# Imports what real programs recorded, runs it and sends it again: HAR files of Chromium and of mitmproxy; and holds imported command lines against
# what bash and curl make of them.
#
#   harness/tests/real/run-repro.sh
#
# Installs pinned versions into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once; needs bash, curl, npm, python3 and chromium (Debian:
# chromium, chromium-driver; as root they are installed if they are missing), and the network for that alone. Everything listens on
# loopback.
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")" && pwd)
. "$real/common.sh"
. "$real/browser/chromium.sh"
command -v curl > /dev/null || { echo "curl is not on the PATH" >&2; exit 2; }
npm_packages repro "$real/repro/package.json"
python_packages repro-python "$real/repro/requirements.txt"

work=$(mktemp -d)
pids=
trap 'for pid in $pids; do kill "$pid" 2> /dev/null || :; done; rm -rf "$work"' EXIT
trap 'exit 2' INT TERM HUP

fail() { echo "FAIL: $1" >&2; [ ! -f "$work/out" ] || tail -n 40 "$work/out" >&2; exit 1; }

# Runs gauntlet in $work and expects an exit code.
gauntlet() {
    want=$1; shift
    code=0
    (cd "$work" && "$gauntlet" "$@") > "$work/out" 2>&1 || code=$?
    [ "$code" = "$want" ] || fail "gauntlet $* gave exit code $code, not $want"
}

wait_for() {
    tries=0
    until eval "$1"; do tries=$((tries + 1)); [ "$tries" -lt 200 ] || { echo "waited in vain: $1" >&2; exit 2; }; sleep 0.1; done
}

# What was recorded becomes a scenario that is sound, shows no secret, and passes on the server it came from.
imports_and_runs() {
    gauntlet 0 import "$1.har" -o "$1.yaml" --expect seen
    cat "$work/out"
    ! grep -q canary-of-the-recording "$work/$1.yaml" "$work/out" || fail "$1.yaml shows a secret"
    gauntlet 0 check --strict "$1.yaml"
    gauntlet 0 run "$1.yaml" --target "$origin/mcp" --secret "authorization=env:TOKEN_OF_THE_TEST"
    grep -q 'tools/call' "$work/$1.yaml" || fail "$1.yaml calls no tool"
}

# What was recorded is answered in the same way once more, and a server that has changed is told from the one that was recorded.
replays() {
    gauntlet 0 replay "$1.har" --requests "$2" --target "$origin/mcp" --yes --secret "authorization=env:TOKEN_OF_THE_TEST"
    cat "$work/out"
    ! grep -q canary-of-the-recording "$work/out" || fail "the replay of $1.har shows a secret"
    gauntlet 1 replay "$1.har" --requests "$2" --target mock:mcp-server --defect structured-content-missing --yes --secret "authorization=env:TOKEN_OF_THE_TEST"
}

: > "$work/mock.log"
"$gauntlet" mock mcp-server > "$work/mock.log" 2>&1 &
pids="$pids $!"
wait_for 'grep -q Journal "$work/mock.log"'
origin=$(sed -n 's|^mcp-server at \(http://[^/]*\).*|\1|p' "$work/mock.log")
TOKEN_OF_THE_TEST=canary-of-the-recording
export TOKEN_OF_THE_TEST

echo '# Chromium'
(cd "$cache/repro" && cp "$real/repro/browse.mjs" . && node browse.mjs "$(command -v chromium)" "$origin" "$work/chromium.har" "$TOKEN_OF_THE_TEST") ||
    fail 'the browser did not record'
imports_and_runs chromium
# The first one is of the page itself, which comes from elsewhere.
replays chromium 2-

echo '# mitmproxy'
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mitmdump --quiet --mode "reverse:$origin" --listen-host 127.0.0.1 --listen-port "$port" --set confdir="$work/mitmproxy" \
    --set hardump="$work/mitmproxy.har" > "$work/mitmproxy.log" 2>&1 &
proxy=$!
pids="$pids $proxy"
wait_for 'python3 -c "import socket; socket.create_connection((\"127.0.0.1\", $port))" 2> /dev/null'
cat > "$work/calls.yaml" << END
id: repro.calls
title: The tools are listed and one is called
target: mcp-server
versions: 2025-06-18
transport: http
steps:
  - call: tools/list
  - call: tools/call
    params: { name: echo, arguments: { message: "it's 100%" } }
    headers: { authorization: "Bearer $TOKEN_OF_THE_TEST" }
    expect: { result: { isError: { \$not: true } } }
END
gauntlet 0 run calls.yaml --target "http://127.0.0.1:$port/mcp"
kill -INT "$proxy"
wait "$proxy" || :
[ -s "$work/mitmproxy.har" ] || { cat "$work/mitmproxy.log" >&2; exit 2; }
imports_and_runs mitmproxy
replays mitmproxy 1-

echo '# bash and curl'
python3 "$real/repro/command_lines.py" "$gauntlet" || exit 1
echo 'As expected.'
