#!/bin/sh
# shadow.sh - a daemon in dry run beside another scaler, which moves the count of an exec backend:
# `scaler shadow` tells what that one did, second by second, and what scaler would have done;
# status and log tell the verdict; the backend is never asked to scale.
set -u
dir=$(mktemp -d) || exit 1
daemon= writer=
trap 'kill $daemon $writer 2>/dev/null; wait; rm -rf "$dir"' EXIT
failed=0
fail() {
    echo "FAILED: $1"
    shift
    [ $# -eq 0 ] || cat "$@"
    failed=1
}
is() { # NAME EXPRESSION
    awk "BEGIN { exit !($2) }" || fail "$1: $2 does not hold" "$dir/csv"
}
scaler() {
    "$SCALER_BIN" "$@" --config "$dir/a.cfg"
}
value() { # COLUMN of the row for all of the time
    awk -F, -v c="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) k = i }
                       $2 == "all" { print $k }' "$dir/csv"
}
wait_for() { # SECOND of the run
    while [ $(($(date +%s) - t0)) -lt "$1" ]; do sleep 0.2; done
}

# The platform: as many instances as $dir/count says; whoever wants another count writes there.
cat >"$dir/platform.sh" <<'EOF'
#!/bin/sh
set -eu
request=$(cat)
n=$(cat "$FLEET_DIR/count")
case "$request" in
*'"status"'*) echo "{\"running\":$n,\"ready\":$n}" ;;
*'"scale"'*) echo "$request" >>"$FLEET_DIR/scaled"; echo '{}' ;;
*) echo '{}' ;;
esac
EOF
chmod 755 "$dir/platform.sh"
cat >"$dir/a.cfg" <<EOF
state_dir = "$dir/state";
csv = { dir = "$dir"; };
api = { listen = ""; };
services = ({
  name = "web"; lead_time = "2s"; day = "60s"; objective = 0.001; price = 0.5;
  source = { type = "csv"; step = "1s"; };
  backend = { type = "exec"; command = ["$dir/platform.sh"]; environment = ["FLEET_DIR=$dir"]; };
  capacity = { per_instance = 20.0; }; limits = { min = 2; max = 20; };
});
EOF
chmod 600 "$dir/a.cfg"

# The load: 60 a second, 160 from second 20 to 35. The other scaler: 4 instances, 9 from second
# 26 on: for six seconds 80 a second are above its capacity.
echo 4 >"$dir/count"
t0=$(date +%s)
(
    last=$((t0 - 1))
    while [ -d "$dir" ]; do
        now=$(date +%s)
        while [ "$last" -lt $((now - 1)) ]; do
            last=$((last + 1)) s=$((last - t0 + 1))
            if [ "$s" -ge 20 ] && [ "$s" -lt 35 ]; then echo "$last,160"; else echo "$last,60"; fi
        done >>"$dir/web.csv"
        if [ $((now - t0)) -ge 26 ] && [ ! -e "$dir/moved" ]; then
            echo 9 >"$dir/count.new" && mv "$dir/count.new" "$dir/count"
            echo "$now" >"$dir/moved"
        fi
        sleep 0.1
    done
) &
writer=$!
start() {
    "$SCALER_BIN" run --config "$dir/a.cfg" >>"$dir/log" 2>&1 &
    daemon=$!
}
scaler shadow web >"$dir/out" 2>&1
[ $? -eq 3 ] || fail "a store that is not there: not exit code 3" "$dir/out"
sleep 2
start
wait_for 45

# One run without a hole.
scaler shadow web --format csv >"$dir/csv" 2>"$dir/err" || fail "no report" "$dir/err"
seconds=$(value seconds) short=$(value other_short_s)
is "nearly all is scored" "$(value scored) > 0.9 && $seconds > 30"
# The count is read once a second at most, and its change taken to lie in the middle of a cell.
is "six seconds short" "$short >= 4.4 && $short <= 9.1"
# 80 a second for each of them, of all requests
is "the share above" "(x = $(value other_above) * $(value requests) / 80 / $short) > 0.99 && x < 1.01"
# 4 until it moved, 9 from then on
from=$(date -d "$(value from)" +%s) moved=$(cat "$dir/moved")
paid=$(awk "BEGIN { print 4 * ($moved - $from) + 9 * ($from + $seconds - $moved) }")
is "what the other paid" "(x = $(value other_instance_hours) * 3600 - $(value scored) * $paid) < 15 && x > -15"
is "one scale-out" "$(value other_outs) == 1"
is "what ours paid" "(x = $(value instance_hours) * 3600 / $seconds) > 2 && x < 20"
is "the price" "(x = $(value other_price) - 0.5 * $(value other_instance_hours)) < 0.01 && x > -0.01"
[ "$(value ready)" = no ] || fail "ready after half a minute" "$dir/csv"

# The daemon is killed and comes back: that time is left out, and said.
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
sleep 5
start
wait_for 75
scaler shadow >"$dir/out" 2>&1 || fail "no report" "$dir/out"
[ -z "${SHADOW_SHOW:-}" ] || cat "$dir/out"
grep -Eq '^left out of both sides: ([5-9]|1[0-9]|2[0-9])s without a decision' "$dir/out" ||
    fail "the daemon's absence is not told" "$dir/out"
grep -Eq 'instance-hours, short in [0-9]+ seconds? \(other scaler: [4-9]\); ready to act: NO, 1\.[0-9] of 7 days seen' \
    "$dir/out" || fail "no verdict" "$dir/out"
grep -Eq '^[0-9TZ:-]+ +[0-9]+s +160 +4 +[0-9]+ +(other scaler|both) ' "$dir/out" ||
    fail "the moment that differs is not told" "$dir/out"
scaler shadow --format json >"$dir/json" 2>&1
grep -q '"span": "all"' "$dir/json" && grep -q '"ready": "no"' "$dir/json" ||
    fail "no JSON" "$dir/json"
# A day lasts a minute: its end has come.
grep -q 'web: shadow: .*ready to act: NO' "$dir/log" || fail "the log tells no verdict" "$dir/log"
scaler status >"$dir/out" 2>&1
grep -q '^web: shadow: .*ready to act: NO' "$dir/out" || fail "status tells no verdict" "$dir/out"
scaler shadow wep >"$dir/out" 2>&1
[ $? -eq 2 ] && grep -q 'did you mean "web"' "$dir/out" || fail "an unknown service" "$dir/out"
[ ! -e "$dir/scaled" ] || fail "a dry run scaled" "$dir/scaled"
exit $failed
