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

# Each second: 80 requests, and what $dir/cpu says ("" nothing).
echo 0.4 >"$dir/cpu"
(while :; do
    t=$(date +%s)
    cpu=$(cat "$dir/cpu")
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
within 15 'web: guards cpu 0.4 of 0.7' status
within 20 'web +act +80.* 6 +0 +0 +6 ' status

# Full: 6 ready x 0.84 / 0.7 = 8.
echo 0.84 >"$dir/cpu"
within 10 'web: GUARDED cpu 0.84 above 0.7: no scale-in' status
within 10 'guard +[0-9]+ -> 8 +cpu 0.84 above 0.7 with 6 ready: at least 8' explain
"$SCALER_BIN" explain --service web --replay --state-dir "$dir/state" >"$dir/out" 2>&1 ||
    fail "the decision does not replay" "$dir/out"

# Silent: nothing is removed, and it says so.
: >"$dir/cpu"
within 15 'web: GUARDED cpu 0.84 above 0.7 \(stale\): no scale-in|web: GUARDED cpu .*stale' status
kill $daemon && wait $daemon
daemon=

sqlite3 "$dir/state/scaler.db" 'SELECT signal FROM series ORDER BY signal' >"$dir/out" 2>/dev/null &&
    { [ "$(tr '\n' ' ' <"$dir/out")" = "cpu demand ready " ] || fail "signals kept:" "$dir/out"; }
exit $failed
