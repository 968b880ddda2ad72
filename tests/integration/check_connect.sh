#!/bin/sh
# check_connect.sh - `scaler check --connect` against real servers: it reads every service's load
# and says what it saw.
set -u
command -v redis-server >/dev/null || { echo "skipped: redis-server is not installed"; exit 77; }
dir=$(mktemp -d)
prometheus=
trap 'kill $redis $prometheus 2>/dev/null; wait; rm -rf "$dir"' EXIT
sock=$dir/redis.sock
redis-server --port 0 --unixsocket "$sock" --save "" --dir "$dir" >"$dir/redis.log" 2>&1 &
redis=$!
for _ in $(seq 100); do
    redis-cli -s "$sock" PING 2>/dev/null | grep -q PONG && break
    sleep 0.1
done
failed=0

# expect CODE PATTERN: of a check of $dir/a.cfg.
expect() {
    "$SCALER_BIN" check --connect --timeout 20s "$dir/a.cfg" >"$dir/out" 2>&1
    got=$?
    if [ "$got" != "$1" ] || ! grep -Eq -- "$2" "$dir/out"; then
        echo "FAILED: exit $got, not $1, or no \"$2\":"
        cat "$dir/out"
        failed=1
    fi
}
service() { # NAME SOURCE
    printf '{ name = "%s"; source = { %s };\n  backend = { type = "process"; ' "$1" "$2"
    printf 'command = ["/bin/sleep", "1000"]; ports = "18600-18610"; };\n'
    printf '  capacity = { per_instance = 100.0; }; limits = { min = 1; max = 3; }; }'
}
config() { # SERVICES...
    printf 'redis = { url = "unix://%s"; };\ncsv = { dir = "%s"; };\n' "$sock" "$dir"
    printf 'state_dir = "%s/state";\nservices = (\n%s\n);\n' "$dir" "$1"
}

# Forty minutes of 120 requests each, up to the one that follows.
now=$(date +%s)
for i in $(seq 0 41); do
    t=$(((now / 60 + 1 - i) * 60))
    echo "SET rate:web:$t 120"
    echo "SET text:bad:$t many"
    echo "SET sum:total 7"
done | redis-cli -s "$sock" >/dev/null
printf '%d,5\n' "$((now - 86400))" >"$dir/old.csv"

good=$(service web 'type = "redis"; layout = "counter"; key = "rate:{service}:{epoch}"; step = "1m"')
config "$good" >"$dir/a.cfg"
expect 0 '^ok: load of "web" \(redis\): (3[89]|4[01]) of 60 cells of 1m; the newest, 20.*Z, ended [0-9]+s ago with 2 a second'

total=$(service total 'type = "redis"; layout = "total"; key = "sum:{service}"; step = "1m"')
silent=$(service silent 'type = "redis"; layout = "counter"; key = "rate:{service}:{epoch}"; step = "1m"')
old=$(service old 'type = "csv"; step = "1m"')
config "$good,$total,$silent,$old" >"$dir/a.cfg"
expect 0 '^ok: load of "web"'
expect 0 '^warning: load of "silent" \(redis\): no data in the last 60 cells of 1m; redis: nothing under "rate:silent:[0-9]+0"'
expect 0 '^warning: load of "total".*no data.*read for the first time'
expect 0 '^warning: load of "old" \(csv\): '

bad=$(service bad 'type = "redis"; layout = "counter"; key = "text:{service}:{epoch}"; step = "1m"')
config "$good,$bad" >"$dir/a.cfg"
expect 1 '^error: load of "bad" \(redis\): text:bad:[0-9]+: "many": expected a number'
expect 1 '^ok: load of "web"'

kill "$redis"
wait "$redis" 2>/dev/null
redis=
config "$good" >"$dir/a.cfg"
expect 1 '^error: source "redis" \(redis\): redis .*no such file'

command -v prometheus >/dev/null || { echo "without Prometheus: it is not installed"; exit $failed; }
echo 'global: {}' >"$dir/p.yml"
prometheus --config.file="$dir/p.yml" --storage.tsdb.path="$dir/p" \
    --web.listen-address=127.0.0.1:0 >"$dir/p.log" 2>&1 &
prometheus=$!
port=
for _ in $(seq 300); do
    port=$(sed -n 's/.*msg="Listening on" address=127.0.0.1:\([0-9]*\).*/\1/p' "$dir/p.log")
    [ -n "$port" ] && curl -fs "http://127.0.0.1:$port/-/ready" >/dev/null && break
    sleep 0.1
done
config() {
    printf 'prometheus = { url = "http://127.0.0.1:%s"; };\n' "$port"
    printf 'state_dir = "%s/state";\nservices = (\n%s\n);\n' "$dir" "$1"
}
good=$(service web 'type = "prometheus"; query = "vector(12)"; step = "1m"')
none=$(service none 'type = "prometheus"; query = "x{app=\"{service}\"}"; step = "1m"')
config "$good,$none" >"$dir/a.cfg"
expect 0 '^ok: load of "web" \(prometheus\): 60 of 60 cells of 1m; the newest, 20.*Z, ended [0-9]+s ago with 12 a second'
expect 0 '^warning: load of "none" \(prometheus\): no data in the last 60 cells of 1m; the query matches no series'
bad=$(service bad 'type = "prometheus"; query = "rate(x{app=\"{service}\"})"; step = "1m"')
config "$good,$bad" >"$dir/a.cfg"
expect 1 '^error: load of "bad" \(prometheus\): .*bad_data'
typo=$(service typo 'type = "prometheus"; query = "x{{app=\"{service}\"}}"; step = "1m"')
config "$typo" >"$dir/a.cfg"
expect 2 'service "typo": .*query: .*braces of PromQL are not doubled'
exit $failed
