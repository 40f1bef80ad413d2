#!/bin/sh
# Signs in to a gateway with real, headless Chromium: `gauntlet probe` and `gauntlet run` with `browser: open`.
#
#   harness/tests/real/browser/run.sh [FOLDER]
#
# Needs python3, chromium and chromedriver (Debian: chromium, chromium-driver; as root they are installed if they are
# missing, the only use of the network). The mocks `idp` and `agentcore-gateway` listen on loopback. Screenshots are left
# in FOLDER (default: ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real/browser).
#
#   GAUNTLET  the command (default: the debug build of this checkout)
#
# Exit code: 0 as expected, 1 different, 2 could not run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
gauntlet=${GAUNTLET:-$here/../../../../target/debug/gauntlet}
[ -x "$gauntlet" ] || { echo "no $gauntlet; run: cargo build -p gauntlet-cli" >&2; exit 2; }
. "$here/chromium.sh"

SIGN_IN_FOLDER=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/gauntlet-real/browser}
mkdir -p "$SIGN_IN_FOLDER"
SIGN_IN_FOLDER=$(cd "$SIGN_IN_FOLDER" && pwd)
work=$(mktemp -d)
GAUNTLET_CONFIG_DIR=$work/config
export SIGN_IN_FOLDER GAUNTLET_CONFIG_DIR
unset CI SIGN_IN_ACTION
pids=
trap 'for pid in $pids; do kill "$pid" 2> /dev/null || :; done; rm -rf "$work"' EXIT
trap 'exit 2' INT TERM HUP

fail() { echo "FAIL: $1" >&2; [ ! -f "$work/out" ] || tail -n 40 "$work/out" >&2; exit 1; }

# Starts a mock whose configuration is in $work/NAME.yaml, and waits until it has told its variables.
mock() {
    : > "$work/$1.log"
    "$gauntlet" mock "$1" --config "$work/$1.yaml" > "$work/$1.log" 2>&1 &
    pids="$pids $!"
    tries=0
    until grep -q Journal "$work/$1.log"; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { cat "$work/$1.log" >&2; exit 2; }
        sleep 0.1
    done
}

value() { sed -n "s|^  $2 = ||p" "$work/$1.log"; }

# So many browsers were started since the last time, and each came to a good end.
browsers() {
    tries=0
    until [ "$(ls "$SIGN_IN_FOLDER" | grep -c '\.result$')" -ge "$1" ] || [ "$tries" -ge 300 ]; do
        tries=$((tries + 1)); sleep 0.1
    done
    for result in "$SIGN_IN_FOLDER"/*.result; do
        [ -f "$result" ] || continue
        [ "$(cat "$result")" = ok ] || fail "the browser says: $(cat "$result")"
    done
    started=$(grep -c 'Sign in to' "$work/out" || :)
    ended=$(ls "$SIGN_IN_FOLDER" | grep -c '\.result$' || :)
    [ "$started $ended" = "$1 $1" ] || fail "$started browsers were asked for and $ended ended, not $1"
    rm -f "$SIGN_IN_FOLDER"/*.result
}

# Runs gauntlet in $work and expects an exit code. Standard error is no terminal here.
gauntlet() {
    want=$1; shift
    code=0
    (cd "$work" && "$gauntlet" "$@") > "$work/out" 2>&1 || code=$?
    [ "$code" = "$want" ] || fail "gauntlet $* gave exit code $code, not $want"
}

says() { grep -q -- "$1" "$work/out" || fail "it does not say: $1"; }

rm -f "$SIGN_IN_FOLDER"/*.result "$SIGN_IN_FOLDER"/*.png
cp -r "$here/scenarios" "$work/scenarios"
echo 'consent: page' > "$work/idp.yaml"
mock idp
cat > "$work/agentcore-gateway.yaml" << END
authorizer: jwt
discovery_url: $(value idp discovery_url)
END
mock agentcore-gateway
SIGN_IN_USER=$(value idp username)
SIGN_IN_PASSWORD=$(value idp password)
export SIGN_IN_USER SIGN_IN_PASSWORD
BROWSER=$here/sign_in.py
export BROWSER
url=$(sed -n 's|^agentcore-gateway at ||p' "$work/agentcore-gateway.log")
cat > "$work/gauntlet.yaml" << END
targets:
  staging:
    role: protected-server
    url: $url
    auth: { oauth: { browser: open } }
END

echo '# probe: a person signs in'
gauntlet 0 probe "$url" --sign-in --browser open --sign-in-timeout 90s
browsers 1
says 'with a refresh token'
file=$(ls "$GAUNTLET_CONFIG_DIR"/tokens/*.json)
[ "$(stat -c %a "$file" "$GAUNTLET_CONFIG_DIR/tokens" | tr '\n' ' ')" = '600 700 ' ] || fail "others can read $file"

echo '# run in CI: what is stored is enough'
(CI=true; export CI; gauntlet 0 run --target staging scenarios/calls.yaml)
: > "$work/out"
browsers 0

echo '# run without what is stored, in CI: it ends at once'
rm -r "$GAUNTLET_CONFIG_DIR/tokens"
(CI=true; export CI; gauntlet 3 run --target staging scenarios/calls.yaml; says 'browser-needed')

echo '# run: many cases at the same time, one browser'
gauntlet 0 run --target staging --sign-in-timeout 90s --jobs 32 --timeout 5s --keep-all --report "json=$work/report.json" scenarios/calls.yaml
browsers 1
says '24 pass'
state=$(sed -n 's/.*[?&]state=\([^&]*\).*/\1/p' "$work/out")
[ -n "$state" ] || fail 'the URL that is shown has no state'
! grep -q -e "$state" -e "$SIGN_IN_PASSWORD" "$work/report.json" || fail 'the report holds a secret'

echo '# run: a scenario signs in by itself'
gauntlet 0 run --target staging --sign-in-timeout 90s --step-timeout 2s scenarios/authorize.yaml
browsers 1

echo '# run: the person says no'
rm -r "$GAUNTLET_CONFIG_DIR/tokens"
SIGN_IN_ACTION=deny; export SIGN_IN_ACTION
gauntlet 3 run --target staging --sign-in-timeout 90s scenarios/calls.yaml
browsers 1
says 'access_denied'
[ ! -d "$GAUNTLET_CONFIG_DIR/tokens" ] || fail 'something is stored'
unset SIGN_IN_ACTION

echo '# run: nobody comes'
BROWSER=true
gauntlet 3 run --target staging --sign-in-timeout 1s scenarios/calls.yaml
says 'nobody signed in within 1 s'

echo '# run: interrupted while somebody is waited for'
: > "$work/out"
(cd "$work" && exec "$gauntlet" run --target staging --sign-in-timeout 90s scenarios/calls.yaml) > "$work/out" 2>&1 &
pid=$!
pids="$pids $pid"
tries=0
until grep -q 'Sign in to' "$work/out"; do tries=$((tries + 1)); [ "$tries" -lt 100 ] || fail 'nobody is asked'; sleep 0.1; done
kill -INT "$pid"
code=0; wait "$pid" || code=$?
[ "$code" = 3 ] || fail "an interrupt gives exit code $code, not 3"
says interrupted

echo "As expected. Screenshots: $SIGN_IN_FOLDER"
