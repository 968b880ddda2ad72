#!/bin/sh
# run.sh - a live closed loop on this machine, in about three minutes and from one command.
#
#   config/quickstart/run.sh [--short] [--keep] [--seed N] [--build DIR]
#
#   --short      one rise instead of one and a half days: about 50 s
#   --keep       leave the temporary directory (configuration, store, logs) behind
#   --seed N     another week of weather; the default is printed
#   --build DIR  use the programs built there; nothing is installed or built
#
# It installs what it needs (config/packages.sh demo), builds, and starts, all of it private and
# ended again at the end or on Ctrl-C: a Redis on a unix socket, two fleets of a small HTTP
# service, a load generator that sends both fleets copies of one request stream, scaler for the
# first fleet and Kubernetes HPA's documented rule for the second. On the way it kills Redis in
# a rise and scaler with -9. The bill at the end is printed as measured.
#
# Exit codes: 0 done, 1 a promise was broken, 2 usage, 3 the load generator was late (a busy
# machine): nothing is proved.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
short=no keep=no seed=7 build=""
while [ $# -gt 0 ]; do
    case "$1" in
    --short) short=yes ;;
    --keep) keep=yes ;;
    --seed) seed=${2:?--seed needs a number} && shift ;;
    --build) build=$(cd "${2:?--build needs a directory}" && pwd) && shift ;;
    *)
        sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" | sed '/^set -eu/d' >&2
        exit 2
        ;;
    esac
    shift
done

# Times of the run in seconds after its midnight; a day has 60. The rises are near 21 and 81.
warm_up=12 redis_dies=17 redis_returns=26 kill_scaler=38 the_end=90
[ "$short" = no ] || { warm_up=9 kill_scaler=32 the_end=37; }

objective=0.01 # share of requests that may meet a full fleet
capacity=40    # requests per second of one process; the service is built so
least=2 most=32
history_days=15
prepare=6 # seconds for the history, the choice of HPA's target and the first forecast

bold="" red="" green="" plain=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
    red=$(printf '\033[31m') green=$(printf '\033[32m')
fi
say() { printf '%s\n' "$*"; }
title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
event() { printf '%s>> %s%s\n' "$bold" "$*" "$plain"; }
broken=0
promise() { # TRUE-OR-FALSE TEXT: what must hold, whoever wins
    if [ "$1" = true ]; then
        printf '   %skept%s    %s\n' "$green" "$plain" "$2"
    else
        printf '   %sBROKEN%s  %s\n' "$red" "$plain" "$2"
        broken=$((broken + 1))
    fi
}

# ---- build ------------------------------------------------------------------------------

build_all() {
    build=$root/build/demo
    title "Building (release) in build/demo"
    "$root/config/packages.sh" demo
    mkdir -p "$build"
    cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DSCALER_TESTS=OFF \
        >"$build/configure.log" 2>&1 || { cat "$build/configure.log" >&2; exit 1; }
    { cmake --build "$build" -j "$(nproc)" 2>&1 && echo built >"$build/ok"; } |
        tee "$build/build.log" | show_build
    [ -e "$build/ok" ] || { tail -30 "$build/build.log" >&2; exit 1; }
    rm "$build/ok"
}

# "[ 42%] Building C object ..." as one line that moves; one line a quarter where nobody looks.
show_build() {
    last=-1
    while read -r line; do
        case "$line" in
        \[*%\]*) ;;
        *) continue ;;
        esac
        percent=${line%%\%*}
        percent=${percent#\[}
        percent=${percent##* }
        if [ -t 1 ]; then
            printf '\r   %3d %%' "$percent"
        elif [ $((percent / 25)) -gt "$last" ]; then
            last=$((percent / 25))
            say "   $percent %"
        fi
    done
    [ ! -t 1 ] || printf '\r'
}

[ -n "$build" ] || build_all
scaler=$build/scaler
demo=$build/config/quickstart

# ---- what is started is ended -------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/scaler-demo.XXXXXX")
name=shop-$$ # what this run's processes are called: another run beside it has its own
redis_pid="" scaler_pid="" hpa_pid="" load_pid="" sleep_pid=""
socket=$work/redis.sock
config=$work/scaler.cfg
state=$work/state

end_process() { # PID
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || return 0
    tries=0
    while kill -0 "$1" 2>/dev/null && [ $tries -lt 60 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -9 "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

cleanup() {
    trap '' INT TERM HUP
    set +e
    rm -f "$work/alive" # every demo process ends when this file is gone
    end_process "$sleep_pid"
    end_process "$load_pid"
    end_process "$scaler_pid"
    [ ! -e "$state" ] || "$scaler" stop --instances --config "$config" >>"$work/stop.log" 2>&1
    end_process "$hpa_pid"
    end_process "$redis_pid"
    tries=0
    while [ "$(fleet_pids "$name" "$name-hpa" | wc -w)" -gt 0 ] && [ $tries -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    if [ "$keep" = yes ]; then
        say "kept: $work"
    else
        rm -rf "$work"
    fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Process ids of the demo services that carry one of these names, from /proc: nobody's word.
fleet_pids() {
    for n in "$@"; do
        grep -lzxF -- "$n" /proc/[0-9]*/cmdline 2>/dev/null || true
    done | while IFS=/ read -r _ _ pid _; do
        tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | head -1 | grep -q 'demo_service$' &&
            printf '%s ' "$pid"
    done || true
}
count_words() { set -- $1; echo $#; }
all_in() { # SOME OF: are all of the first list in the second, and is there any at all?
    [ -n "$1" ] || { echo false; return; }
    for p in $1; do
        case " $2 " in *" $p "*) ;; *) echo false && return ;; esac
    done
    echo true
}


sleep_until() { # SECOND of the run
    left=$(awk -v at="$1" -v midnight="$midnight" -v now="$(date +%s.%N)" \
        'BEGIN { d = midnight + at - now; print (d > 0 ? d : 0) }')
    sleep "$left" &
    sleep_pid=$!
    wait "$sleep_pid" || true # a signal ends the wait, not only the sleep
    sleep_pid=""
}

start_redis() {
    redis-server --port 0 --unixsocket "$socket" --save "" --appendonly no --dir "$work" \
        --daemonize no >>"$work/redis.log" 2>&1 &
    redis_pid=$!
    tries=0
    while ! redis-cli -s "$socket" ping >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { say "Redis does not start: $work/redis.log" >&2; exit 1; }
        sleep 0.05
    done
}

start_scaler() {
    "$scaler" run --config "$config" >>"$work/scaler.log" 2>&1 &
    scaler_pid=$!
    sleep 1
    kill -0 "$scaler_pid" 2>/dev/null && return
    say "scaler does not run; its last words:" >&2
    tail -5 "$work/scaler.log" >&2
    scaler_pid=""
    exit 1
}

write_config() {
    cat >"$config" <<EOF
state_dir = "$state";
api = { listen = ""; };  # no HTTP: another run beside this one may have the port
redis = { url = "unix://$socket"; };
services = ({
  name      = "shop";
  timezone  = "UTC";
  mode      = "act";       # the default is dry_run
  objective = $objective;  # share of requests that may meet a full fleet
  source    = { type = "redis"; layout = "counter"; key = "rate:{service}:{epoch}"; step = "1s"; };
  backend   = { type = "process"; ports = "$first_port-$((first_port + 39))";
                command = ["$demo/demo_service", "--port", "{port}", "--name", "$name",
                           "--while", "$work/alive"];
                probe = "http"; probe_path = "/ready"; probe_interval = "500ms"; grace = "5s"; };
  capacity  = { per_instance = $capacity.0; };
  limits    = { min = $least; max = $most; };
  lead_time = "4s";        # until it is measured

  # Compressed time: the season has 60 s instead of a day, and of the rules' own times a minute
  # of life is a second here. Nothing ran before, so acting needs no quiet first hour.
  day       = "60s";
  rails     = { in_window = "10s"; zero_hold = "30s"; dip_hold = "60s"; };
  first_scale_in_after = "0s";
});
EOF
    chmod 600 "$config"
}

# ---- the run ------------------------------------------------------------------------------

began=$(date +%s)
midnight=$((began + prepare + warm_up))
first_port=$((18000 + $$ % 140 * 80)) # below the ports that the kernel hands out
mkdir -p "$state"
chmod 700 "$state"
: >"$work/alive"

title "Two fleets, one stream of requests"
cat <<EOF
   A day lasts 60 s here. Load is about 120 requests a second at night and 440 by day; the
   morning's rise takes 5 s. One process of the service carries $capacity/s (a token bucket), answers
   503 beyond that, and needs 4 s from its start until it takes requests. Each request goes to
   both fleets at once: one scaled by scaler, one by Kubernetes HPA's documented rule.
   Objective: at most $(awk "BEGIN { print 100 * $objective }") % refused. Seed $seed.
EOF
write_config
start_redis
"$demo/demo_history" --midnight "$midnight" --from $((began - midnight - history_days * 60)) \
    --to $((began - midnight)) --seed "$seed" >"$work/history.csv"
"$demo/demo_load" --midnight "$midnight" --from $((began - midnight)) --to "$the_end" \
    --seed "$seed" --redis "$socket" --csv "$work/seconds.csv" --values "$work/values" \
    --fleet "scaler,shop,$name,$first_port,$((first_port + 39))" \
    --fleet "HPA,shop-hpa,$name-hpa,$((first_port + 40)),$((first_port + 79))" &
load_pid=$!

title "Kubernetes HPA gets the best of three targets and two windows, in hindsight"
"$demo/demo_hpa" choose --history "$work/history.csv" --objective "$objective" \
    --least "$least" --most "$most" >"$work/choice"
grep -v '^best' "$work/choice"
target=$(sed -n 's/^best target=\([0-9.]*\) .*/\1/p' "$work/choice")
window=$(sed -n 's/^best .* window=//p' "$work/choice")
say "   taken: $(awk "BEGIN { print 100 * $target }") %, scale-in stabilised over $window s; it syncs every second"
"$demo/demo_hpa" run --target "$target" --window "$window" --redis "$socket" --key shop-hpa --name "$name-hpa" \
    --first $((first_port + 40)) --last $((first_port + 79)) --service "$demo/demo_service" \
    --while "$work/alive" --least "$least" --most "$most" >"$work/hpa.log" 2>&1 &
hpa_pid=$!

title "scaler gets $history_days days of history (GENERATED, not recorded), and is asked for the next minute"
"$scaler" import --config "$config" --service shop "$work/history.csv"
"$scaler" forecast --config "$config" --service shop --horizon 1m --chart

title "scaler takes over the first fleet; the day begins"
start_scaler
sleep_until 0

# ---- Redis dies in the rise --------------------------------------------------------------

sleep_until "$redis_dies"
before=$(fleet_pids "$name")
kill -9 "$redis_pid"
wait "$redis_pid" 2>/dev/null || true
event "Redis is killed, in the rise: neither scaler nor HPA has a metric now"
sleep_until $((redis_dies + 5))
status_blind=$("$scaler" status --config "$config" 2>&1 || true)
printf '%s\n' "$status_blind" | sed 's/^/   /'
sleep_until $((redis_returns - 1))
blind=$(fleet_pids "$name")
sleep_until "$redis_returns"
start_redis
event "Redis is back, and empty: every rate of the last minute is gone"
sleep_until $((redis_returns + 2))
empty=$(fleet_pids "$name")

# ---- scaler dies --------------------------------------------------------------------------

sleep_until "$kill_scaler"
alive=$(fleet_pids "$name")
kill -9 "$scaler_pid"
wait "$scaler_pid" 2>/dev/null || true
event "scaler is killed with -9; its $(count_words "$alive") processes go on serving"
sleep_until $((kill_scaler + 1))
orphaned=$(fleet_pids "$name")
start_scaler
event "scaler is started again, as systemd would, and adopts them"
sleep_until $((kill_scaler + 3))
adopted=$(fleet_pids "$name")
"$scaler" status --config "$config" 2>&1 | sed 's/^/   /' || true

wait "$load_pid" && load_rc=0 || load_rc=$?
load_pid=""

# ---- the end --------------------------------------------------------------------------------

title "Why? One decision, explained"
# The last scale-out that the plan wanted: ordered before the load was there. In a short run it
# may be one that was made blind.
id=$("$scaler" decisions --config "$config" --service shop --changes --format csv |
    awk -F, 'NR > 1 && $6 > 0 && $7 > $6 { any = $1; if ($8 == "plan" && $7 - $6 > 1) planned = $1 }
             END { print planned ? planned : any }')
[ -z "$id" ] || "$scaler" explain --config "$config" "$id" | sed 's/^/   /'

title "What must hold, whoever wins"
case "$status_blind" in
*BLIND*) promise true "status said BLIND while Redis was away" ;;
*) promise false "status said BLIND while Redis was away" ;;
esac
promise "$(all_in "$before" "$blind")" "without a metric nothing was removed ($(count_words "$before") processes before, $(count_words "$blind") when Redis came back)"
promise "$(all_in "$blind" "$empty")" "an empty Redis was not taken for no traffic"
promise "$(all_in "$alive" "$orphaned")" "kill -9 of scaler ended no process"
promise "$(all_in "$alive" "$adopted")" "the next scaler adopted all $(count_words "$alive") and started none twice"
. "$work/values"
outage=$(awk -F, -v from="$redis_dies" -v to=$((redis_returns + 5)) \
    'NR > 1 && $1 >= from && $1 < to { a += $4; b += $8 } END { print a + 0, b + 0 }' \
    "$work/seconds.csv")
say "   Redis was away from second $redis_dies to $redis_returns: ${outage% *} of scaler's refused requests and ${outage#* } of"
say "   HPA's fell between then and 5 s after. HPA without a metric leaves its count alone, too."

cleanup
trap - EXIT
left=$(fleet_pids "$name" "$name-hpa")
promise "$([ -z "$left" ] && echo true || echo false)" "all that was started has ended"
say "   took $(($(date +%s) - began)) s"
[ "$broken" -eq 0 ] && [ "$load_rc" -eq 0 ] || exit 1
[ "${valid:-0}" = 1 ] || exit 3
