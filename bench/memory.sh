#!/bin/sh
# memory.sh - resident memory and CPU of the daemon for many services, and what one more costs.
#
#   bench/memory.sh [BUILD_DIR [FEW MANY [STEP_S [WATCH_S]]]]
#
# default: build/release 100 1000 1 30
#
# Starts a private Redis into which each service's rate of each step is written, and beside it
# `scaler run --dry-run` with FEW and then MANY services; prints resident memory and the CPU of
# WATCH_S seconds. The difference by the services between is what one costs before it has
# history; history adds what decide/brain.h says.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
scaler=${1:-$root/build/release}/scaler
few=${2:-100} many=${3:-1000} step=${4:-1} watch=${5:-30}
work=$(mktemp -d)
redis_pid="" scaler_pid="" feeder_pid=""
trap 'rm -rf "$work"; kill $feeder_pid $scaler_pid $redis_pid 2>/dev/null || true; wait' EXIT

redis-server --port 0 --unixsocket "$work/redis.sock" --save "" --dir "$work" >"$work/log" &
redis_pid=$!
until redis-cli -s "$work/redis.sock" ping >/dev/null 2>&1; do sleep 0.1; done
while :; do # an application's rates: a value a step for each service
    awk -v cell="$(($(date +%s) / step * step))" -v step="$step" -v n="$many" 'BEGIN {
        for (i = 1; i <= n; i++)
            printf "SET rate:s%d:%d %d EX %d\n", i, cell, 100 + i % 50, 60 * step }' |
        redis-cli -s "$work/redis.sock" >/dev/null 2>&1 || true
    sleep "$step"
done &
feeder_pid=$!

ticks() {
    awk '{ print $14 + $15 }' "/proc/$scaler_pid/stat"
}

measure() { # SERVICES
    mkdir -m 700 "$work/state$1"
    {
        printf 'state_dir = "%s";\napi = { listen = ""; };\n' "$work/state$1"
        printf 'redis = { url = "unix://%s"; };\nservices = (\n' "$work/redis.sock"
        awk -v n="$1" -v step="$step" 'BEGIN { for (i = 1; i <= n; i++) printf "  { name = \"s%d\"; \
source = { type = \"redis\"; layout = \"counter\"; key = \"rate:{service}:{epoch}\"; step = \"%ds\"; }; \
backend = { type = \"process\"; command = [\"/bin/true\"]; ports = \"%d-%d\"; }; \
capacity = { per_instance = 10.0; }; limits = { max = 20; }; }%s\n", \
            i, step, 2000 + 20 * (i % 3000), 2019 + 20 * (i % 3000), i < n ? "," : "" }'
        printf ');\n'
    } >"$work/$1.cfg"
    chmod 600 "$work/$1.cfg"
    "$scaler" run --dry-run --config "$work/$1.cfg" >"$work/$1.log" 2>&1 &
    scaler_pid=$!
    sleep 30 # started, and the first reads done
    before=$(ticks)
    sleep "$watch"
    rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$scaler_pid/status")
    spent=$(($(ticks) - before))
    kill "$scaler_pid"
    wait "$scaler_pid" || true
    scaler_pid=""
    echo "$1 services: $rss KB resident, $(awk -v t="$spent" -v hz="$(getconf CLK_TCK)" \
        'BEGIN { print t / hz }') s of CPU in $watch s"
}

measure "$few"
first=$rss
measure "$many"
echo "one more service: $(((rss - first) / (many - few))) KB"
