#!/bin/sh
# judge.sh JUDGE_BINARY TRACES_DIR [MAX_DAYS] - the closed-loop tables of README.md as markdown.
#
# Every trace under VM starts, then the seven of the objective under harder conditions. SCALER is
# the program judged (default: scaler). MAX_DAYS shortens long traces; 0, the default, does not.
set -eu
judge=${1:?usage: judge.sh JUDGE_BINARY TRACES_DIR [MAX_DAYS]}
traces=${2:?usage: judge.sh JUDGE_BINARY TRACES_DIR [MAX_DAYS]}
days=${3:-0}
scaler=${SCALER:-scaler}
seven="ms_ingress_01 ms_mongo_01 nasa_http azure_v2_cpu ms_purchase_03 nab_nyc_taxi
    pedestrian_southern"
stress="twitter_stream_2021 nab_elb_request_count_8c0756 nab_Twitter_volume_AAPL
    nab_Twitter_volume_GOOG"

field() { # FIELD: its value in the report line on stdin
    sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p"
}

# run TRACE POLICY OPTION...: one row. A silent policy waits without a limit worth the name, so
# that a busy machine does not change the figures; what timed out all the same is told.
run() {
    trace=$1
    policy=$2
    shift 2
    line=$("$judge" --trace "$traces/$trace.csv" --peak 1000 --burst 0.03 --wait-ms 600000 \
        --max-days "$days" "$@" --policy "cmd:$policy")
    late=$(echo "$line" | field timeouts)
    [ "$late" = 0 ] || echo "judge.sh: $trace: $late steps timed out" >&2
    echo "| $trace | $(echo "$line" | field viol_req) % | $(echo "$line" | field cost) |" \
        "$(echo "$line" | field ups_d) | $(echo "$line" | field downs_d) |"
}

# table TITLE TRACES POLICY OPTION...
table() {
    title=$1
    list=$2
    policy=$3
    shift 3
    printf '\n**%s**\n\n| trace | above capacity | cost | scale-outs | scale-ins |\n' "$title"
    echo '|---|---|---|---|---|'
    for trace in $list; do
        run "$trace" "$policy" "$@"
    done
}

advise="$scaler advise --objective 0.001"
table "VM" "$seven" "$advise" --env vm
table "VM, not request rates that anything could foresee" "$stress" "$advise" --env vm
[ -z "${JUDGE_SHORT:-}" ] || exit 0
table "container" "$seven" "$advise" --env container
table "metrics 60 s late" "$seven" "$advise" --env vm --lag 60
table "a fifth of the launch calls fail" "$seven" "$advise" --env vm --fail 0.2
table "starts of 600 s, told 300 s" "$seven" \
    "sed -u s/\\\"startup_s\\\":600/\\\"startup_s\\\":300/ | $advise" --env vm --startup 600
table "objective 0.01 %" "$seven" "$scaler advise --objective 0.0001" --env vm
