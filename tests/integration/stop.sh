# stop.sh - `scaler stop --instances` ends what runs, needs no daemon and no configuration, and
# keeps away from a running daemon.
set -u
dir=$(mktemp -d "${TMPDIR:-/tmp}/scaler-stop-XXXXXX")
state=$dir/state
pids=
finish() {
    for p in $pids; do kill -9 "$p" 2>/dev/null; done
    rm -rf "$dir"
}
trap finish EXIT
fail() {
    echo "FAILED: $1"
    exit 1
}
stop() {
    SCALER_CONFIG=$dir/none.cfg timeout 30 "$SCALER_BIN" stop --state-dir "$state" "$@"
}

# An instance as a dead supervisor left it: intent, lock held by the process, pid file.
leave_instance() { # service id
    d=$state/instances/$1
    mkdir -p "$d"
    echo 1 >"$d/desired"
    cat >"$d/$2.json" <<JSON
{"service": "$1", "id": "$2", "port": 0, "command": ["$SCALER_TEST_SERVER"],
 "environment": ["A=b"], "working_dir": "", "user": "", "output": "$d/$2.log",
 "pre_stop": [], "probe": [], "stop_signal": 15, "grace_ms": 2000, "memory_bytes": 0,
 "cpus": 0.0, "processes": 0, "nofile": 0, "started_ms": 1}
JSON
    # flock(1) hands its descriptor down; the exec step takes it under the number 200.
    setsid bash -c 'exec 200>"$1/$2.lock"; flock -n 200 || exit 1
                    exec "$3" exec-instance "$1" "$2"' - "$d" "$2" "$SCALER_BIN" &
    for i in $(seq 100); do
        [ -s "$d/$2.pid" ] && break
        sleep 0.05
    done
    pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$d/$2.pid")
    [ -n "$pid" ] || fail "$1/$2 did not start: $(cat "$d/$2.error")"
    pids="$pids $pid"
}
command -v flock >/dev/null && command -v bash >/dev/null || { echo "skipped: no flock(1)"; exit 77; }

stop >/dev/null 2>&1
[ $? = 2 ] || fail "stop alone is not refused as usage"
mkdir -p "$state"
stop --instances || fail "nothing to stop is no failure"

leave_instance web 1
leave_instance web 2
leave_instance api 1
set -- $pids

# Beside a daemon: it holds the lock of the state directory.
flock "$state/lock" sleep 20 &
holder=$!
pids="$pids $holder"
sleep 0.3
out=$(stop --instances 2>&1) && fail "it went on beside a daemon"
case $out in *"a daemon runs"*) ;; *) fail "unclear refusal: $out" ;; esac
for p in "$@"; do kill -0 "$p" || fail "refused, yet $p is gone"; done
pkill -9 -P "$holder"
kill -9 "$holder"
sleep 0.2

out=$(stop --instances --service web 2>/dev/null) || fail "stop of web: $out"
[ "$(echo "$out" | sort | tr '\n' ' ')" = "web/1: stopped web/2: stopped " ] || fail "said: $out"
kill -0 "$1" 2>/dev/null && fail "web/1 lives"
kill -0 "$2" 2>/dev/null && fail "web/2 lives"
kill -0 "$3" || fail "api/1 was not to be stopped"
[ "$(cat "$state/instances/web/desired")" = 0 ] || fail "the next daemon would start them again"
[ "$(ls "$state/instances/web" | grep -c json)" = 0 ] || fail "intents are left"

stop --instances >/dev/null 2>&1 || fail "stop of the rest"
kill -0 "$3" 2>/dev/null && fail "api/1 lives"
echo ok
