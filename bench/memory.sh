#!/bin/sh
# memory.sh - resident memory of the daemon for many services, and what one more costs.
#
#   bench/memory.sh [BUILD_DIR]       default build/release
#
# Starts a private Redis into which each service's rate of each second is written, and beside it
# `scaler run --dry-run` with 100 and then 1,000 services at one-second steps; prints resident
# memory and CPU after 30 s. The difference divided by 900 is what one service costs before it
# has history; history adds what decide/brain.h says.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
scaler=${1:-$root/build/release}/scaler
work=$(mktemp -d)
redis_pid="" scaler_pid=""
trap 'rm -rf "$work"; kill $scaler_pid $redis_pid 2>/dev/null || true; wait' EXIT

redis-server --port 0 --unixsocket "$work/redis.sock" --save "" --dir "$work" >"$work/log" &
redis_pid=$!
until redis-cli -s "$work/redis.sock" ping >/dev/null 2>&1; do sleep 0.1; done
touch "$work/alive"
while [ -e "$work/alive" ]; do # an application's rates: a value a second for each service
    now=$(date +%s)
    awk -v now="$now" 'BEGIN { for (i = 1; i <= 1000; i++)
        printf "SET rate:s%d:%d %d EX 60\n", i, now, 100 + i % 50 }' |
        redis-cli -s "$work/redis.sock" >/dev/null 2>&1 || true
    sleep 1
done &

measure() { # SERVICES
    mkdir -m 700 "$work/state$1"
    {
        printf 'state_dir = "%s";\napi = { listen = ""; };\n' "$work/state$1"
        printf 'redis = { url = "unix://%s"; };\nservices = (\n' "$work/redis.sock"
        awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf "  { name = \"s%d\"; \
source = { type = \"redis\"; layout = \"counter\"; key = \"rate:{service}:{epoch}\"; step = \"1s\"; }; \
backend = { type = \"process\"; command = [\"/bin/true\"]; ports = \"%d-%d\"; }; \
capacity = { per_instance = 10.0; }; limits = { max = 20; }; }%s\n", \
            i, 2000 + 20 * i, 2019 + 20 * i, i < n ? "," : "" }'
        printf ');\n'
    } >"$work/$1.cfg"
    chmod 600 "$work/$1.cfg"
    "$scaler" run --dry-run --config "$work/$1.cfg" >"$work/$1.log" 2>&1 &
    scaler_pid=$!
    sleep 30
    rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$scaler_pid/status")
    ticks=$(awk '{ print $14 + $15 }' "/proc/$scaler_pid/stat")
    kill "$scaler_pid"
    wait "$scaler_pid" || true
    scaler_pid=""
    echo "$1 services: $rss KB resident, $(awk -v t="$ticks" -v hz="$(getconf CLK_TCK)" \
        'BEGIN { print t / hz }') s of CPU in 30 s"
}

measure 100
first=$rss
measure 1000
echo "one more service: $(((rss - first) / 900)) KB"
