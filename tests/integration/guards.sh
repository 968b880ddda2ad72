#!/bin/sh
# guards.sh - a daemon whose guards come from a real Redis: over its limit one keeps and adds
# instances, silent it keeps them; status, explain, metrics, store and `check --connect` tell.
set -u
command -v redis-server >/dev/null || { echo "skipped: redis-server is not installed"; exit 77; }
[ -n "${SCALER_TEST_SERVER:-}" ] || { echo "skipped: SCALER_TEST_SERVER is not set"; exit 77; }
dir=$(mktemp -d)
daemon=
trap 'kill $daemon $writer 2>/dev/null; [ -z "$daemon" ] || wait $daemon; "$SCALER_BIN" stop --instances --state-dir "$dir/state" >/dev/null 2>&1; kill $redis; wait; rm -rf "$dir"' EXIT
sock=$dir/redis.sock
redis-server --port 0 --unixsocket "$sock" --save "" --dir "$dir" >"$dir/redis.log" 2>&1 &
redis=$!
for _ in $(seq 100); do
    redis-cli -s "$sock" PING 2>/dev/null | grep -q PONG && break
    sleep 0.1
done
failed=0
fail() {
    echo "FAILED: $1"
    shift
    cat "$@"
    failed=1
}
# within SECONDS PATTERN COMMAND...: its output comes to match.
within() {
    end=$(($(date +%s) + $1))
    pattern=$2
    shift 2
    while :; do
        "$@" >"$dir/out" 2>&1
        grep -Eq -- "$pattern" "$dir/out" && return 0
        [ "$(date +%s)" -ge "$end" ] && break
        sleep 0.3
    done
    fail "no \"$pattern\" from $*" "$dir/out"
    return 1
}

# Each second: 80 requests, and the CPU of as many instances as there are, each of which carries
# what $dir/carries says at 0.7; "": the CPU is not told.
echo 20 >"$dir/carries"
(while :; do
    t=$(date +%s)
    carries=$(cat "$dir/carries")
    n=$(ls "$dir/state/instances/web" 2>/dev/null | sed -n 's/^\(187[0-9]*\).*/\1/p' | sort -u | wc -l)
    cpu=${carries:+$(awk -v c="$carries" -v n="$n" 'BEGIN { printf "%.3f", n ? 0.7 * 80 / n / c : 0.4 }')}
    for k in 0 1; do
        echo "SET rate:web:$((t + k)) 80 EX 60"
        [ -n "$cpu" ] && echo "SET cpu:web:$((t + k)) $cpu EX 60"
    done | redis-cli -s "$sock" >/dev/null
    sleep 0.4
done) &
writer=$!

cat >"$dir/a.cfg" <<EOF
state_dir = "$dir/state";
redis = { url = "unix://$sock"; };
api = { listen = ""; };
services = ({
  name = "web"; mode = "act"; timezone = "UTC"; first_scale_in_after = "0s"; lead_time = "3s";
  source = { type = "redis"; layout = "counter"; key = "rate:{service}:{epoch}"; step = "1s"; };
  backend = { type = "process"; command = ["$SCALER_TEST_SERVER"]; ports = "18700-18730"; };
  capacity = { per_instance = 20.0; }; limits = { min = 2; max = 20; };
  guards = ({ name = "cpu"; kind = "utilisation"; target = 0.7;
              source = { layout = "counter"; key = "cpu:{service}:{epoch}"; }; });
});
EOF
sleep 6
"$SCALER_BIN" check --connect "$dir/a.cfg" >"$dir/out" 2>&1
grep -Eq '^ok: guard cpu of "web" \(redis\): [0-9]+ of 60 cells of 1s; .* with 0.4, of 0.7' "$dir/out" ||
    fail "check does not read the guard" "$dir/out"
"$SCALER_BIN" run --config "$dir/a.cfg" >"$dir/log" 2>&1 &
daemon=$!
status() {
    "$SCALER_BIN" status --state-dir "$dir/state"
}
explain() {
    "$SCALER_BIN" explain --service web --state-dir "$dir/state"
}
within 20 'web +act +80.* 6 +0 +0 +6 ' status
within 10 'web: guards cpu 0.467 of 0.7' status

# A release: an instance carries half. 6 ready x 0.933 / 0.7 = 8.
echo 10 >"$dir/carries"
within 10 ' 6 -> 8: guard: cpu 0.933 above 0.7 with 6 ready: at least 8' cat "$dir/log"
force='web: CAPACITY 20 stated, (9|10|11)(\.[0-9]+)? in force by guard cpu since 20'
within 40 "$force" status
grep -q 'warn web: capacity of an instance: 20 stated, .* in force by guard cpu' "$dir/log" ||
    fail "no alert" "$dir/log"
within 10 'guards +cpu 0\.[0-9]+ of 0.7' explain
within 10 'capacity +[0-9]+ +20 stated, .* in force by guard cpu' explain
"$SCALER_BIN" explain --service web --replay --state-dir "$dir/state" >"$dir/out" 2>&1 ||
    fail "the decision does not replay" "$dir/out"

# An operator has the last word, for a time.
"$SCALER_BIN" override web --per-instance 60 --for 1h --reason "a trial" --config "$dir/a.cfg" \
    >"$dir/out" 2>&1 || fail "no override" "$dir/out"
within 10 'web: CAPACITY 20 stated, 60 in force by an operator until 20' status
within 10 'web: overridden by .*: 60 per second an instance until .*: a trial' status
"$SCALER_BIN" override web --end --config "$dir/a.cfg" >/dev/null
within 10 "$force" status

# Silent: nothing is removed, and it says so.
: >"$dir/carries"
within 15 'web: GUARDED cpu 0\.[0-9]+ of 0.7 \(stale\): no scale-in' status
kill $daemon && wait $daemon

# What was measured is there after a restart.
"$SCALER_BIN" run --config "$dir/a.cfg" >"$dir/log" 2>&1 &
daemon=$!
within 20 "$force" status
kill $daemon && wait $daemon
daemon=
sqlite3 "$dir/state/scaler.db" 'SELECT signal FROM series ORDER BY signal' >"$dir/out" 2>/dev/null &&
    { [ "$(tr '\n' ' ' <"$dir/out")" = "cpu demand ready " ] || fail "signals kept:" "$dir/out"; }
exit $failed
