#!/bin/sh
# The quickstart's service keeps its word: not ready before its time, its capacity and no more,
# drains on SIGTERM, and ends when the file it is tied to is gone.
set -eu
command -v curl >/dev/null || { echo "skipped: no curl"; exit 77; }
service=$SCALER_DEMO_DIR/demo_service
work=$(mktemp -d)
pids=""
trap 'for p in $pids; do kill -9 "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

port=$((15000 + $$ % 3000))
touch "$work/alive"
start() { # PORT
    "$service" --port "$1" --name "demo-$$" --capacity 20 --ready-after 2 \
        --while "$work/alive" 2>"$work/err" &
    pid=$!
    pids="$pids $pid"
}
status() { curl -s -m 2 -o /dev/null -w '%{http_code}' "$1" || true; }
gone_within() { # PID TENTHS
    n=0
    while kill -0 "$1" 2>/dev/null; do
        n=$((n + 1))
        [ $n -le "$2" ] || return 1
        sleep 0.1
    done
}

start $port
[ "$(status http://127.0.0.1:$port/ready)" = 000 ] || fail "it answers before it is ready"
wait_ready() { # PORT
    n=0
    until [ "$(status "http://127.0.0.1:$1/ready")" = 200 ]; do
        n=$((n + 1))
        [ $n -le 100 ] || fail "it never becomes ready"
        sleep 0.1
    done
}
wait_ready $port
[ "$(curl -s -m 2 http://127.0.0.1:$port/ready)" = "demo-$$" ] || fail "/ready does not name it"

# 60 requests in a row against a bucket of 10: some are served, most are refused.
url="http://127.0.0.1:$port/[1-60]"
curl -s -m 5 -o /dev/null -w '%{http_code}\n' "$url" >"$work/codes"
served=$(grep -c '^200$' "$work/codes" || true)
refused=$(grep -c '^503$' "$work/codes" || true)
[ $((served + refused)) -eq 60 ] || fail "60 asked, $served + $refused answered"
[ "$served" -ge 10 ] && [ "$served" -le 40 ] || fail "$served of 60 served by a bucket of 10"

"$service" --port $port --ready-after 0 2>"$work/err2" && fail "two listen on one port"
grep -q "cannot" "$work/err2" || fail "the second does not say why"

kill -TERM "$pid"
gone_within "$pid" 20 || fail "SIGTERM does not end it"

start $((port + 1))
wait_ready $((port + 1))
rm "$work/alive"
gone_within "$pid" 30 || fail "it outlives the file it is tied to"

"$service" --port nonsense 2>"$work/err3" && fail "a port that is none is accepted"
grep -q '"nonsense"' "$work/err3" || fail "the message does not show what was found"
