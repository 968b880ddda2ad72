#!/bin/sh
# `scaler simulate` and an independent simulator agree on the same policies and load. The judge
# is a C program of its own (SCALER_JUDGE: its source) that shares no code with scaler; it
# scales a trace so that its 99.9th percentile needs `peak` instances, so --growth does here.
#
# Instance-hours and cost: within 1 %. Violations: within 3 % of the judge's own, or 0.01 % of
# requests and 0.05 % of time where that is more. Both draw their start times from different
# random numbers, and one straggler at the steepest rise moves a violation, so they cannot agree
# closer than two seeds of one of them do: over seeds 1 to 8 simulate's own results here lie up
# to 0.006 % of requests and 0.025 % of time apart. The judge also rounds starts to a second and
# tells the load in six digits.
#
# --timezone UTC: `advise` knows no clocks, while simulate, as the daemon, is wary after a change
# of clocks where the users' zone is not known; one lies within ms_purchase_03.
set -eu
if [ ! -f "${SCALER_JUDGE:-}" ] || [ ! -d "${SCALER_TRACES:-}" ]; then
    echo "SKIPPED: no judge at SCALER_JUDGE=${SCALER_JUDGE:-} or no traces at" \
        "SCALER_TRACES=${SCALER_TRACES:-}"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
"${CC:-cc}" -O2 -o "$work/judge" "$SCALER_JUDGE" -lm

field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
agree() { # WHAT JUDGE OURS RELATIVE ABSOLUTE
    awk -v what="$1" -v a="$2" -v b="$3" -v rel="$4" -v abs="$5" 'BEGIN {
        d = b - a; d = d < 0 ? -d : d
        printf "  %-28s judge %12.5f  simulate %12.5f\n", what, a, b
        exit !(a != "" && b != "" && d <= (rel * a > abs ? rel * a : abs)) }' ||
        fail "$1: too far apart"
}

# Its first days as $trace, and their --growth: a judge's run of all takes long under a sanitizer.
cut_trace() { # NAME DAYS
    trace=$work/$1.csv
    [ -f "$SCALER_TRACES/$1.csv" ] || { echo "SKIPPED: no $1.csv"; exit 77; }
    awk -F, -v days="$2" 'NR == 1 || $1 + 0 < end { print }
        NR == 2 { end = $1 + days * 86400; print }' "$SCALER_TRACES/$1.csv" >"$trace"
    n=$("$work/judge" --trace "$trace" --dump-grid "$work/grid" | cut -d' ' -f2)
    growth=$(od -An -v -tf8 -w8 "$work/grid" | sort -g | awk -v n="$n" '
        NR == int(0.999 * (n - 1)) + 1 { printf "%.15g", 100 * 100 / $1 }')
}
simulate() { # OPTION...
    "$SCALER_BIN" simulate --history "$trace" --capacity 100 --max 500 --growth "$growth" \
        --timezone UTC --format csv "$@"
}

for name in nasa_http ms_purchase_03; do
    cut_trace "$name" 30
    "$work/judge" --trace "$trace" --peak 100 --policy "cmd:$SCALER_BIN advise" \
        --policy hpa:u=0.7:step=15 --wait-ms 60000 >"$work/judge.out"
    simulate >"$work/ours.csv"
    echo "$name:"
    for row in "scaler 1" "HPA_at_70_% 2"; do
        policy=$(echo "${row% *}" | tr _ ' ')
        line=$(sed -n "${row##* }p" "$work/judge.out")
        ours=$(awk -F, -v p="$policy" '$2 == p { print; exit }' "$work/ours.csv")
        agree "$policy: instance-hours" "$(echo "$line" | field inst_h)" \
            "$(echo "$ours" | cut -d, -f4)" 0.01 0
        agree "$policy: cost" "$(echo "$line" | field cost)" \
            "$(echo "$ours" | cut -d, -f5)" 0.01 0
        agree "$policy: % of requests" "$(echo "$line" | field viol_req)" \
            "$(echo "$ours" | awk -F, '{ print 100 * $7 }')" 0.03 0.01
        agree "$policy: % of time" "$(echo "$line" | field viol_time)" \
            "$(echo "$ours" | awk -F, '{ print 100 * $8 }')" 0.03 0.05
    done
done

# A load of bursts, where luck shows. The quantiles of measured starts are whole minutes: on which
# night one turns over decides between a few ways to run the fleet, percents of instance-hours
# apart. Each program goes one of them by its own draws, so two single runs may differ as two
# seeds of one do; the ways themselves are the same. Starts of 270 s, not 300 s: half of those
# are just within 5 minutes, so that their median turns over at any night, and the judge's
# rounding to seconds makes it 5 more often.
cut_trace nab_Twitter_volume_AAPL 20
for seed in 1 2 3; do
    "$work/judge" --trace "$trace" --peak 100 --startup 270 --seed "$seed" --wait-ms 60000 \
        --policy "cmd:$SCALER_BIN advise" >"$work/judge.out"
    simulate --lead-time 270s --seed "$seed" | awk -F, '$2 == "scaler" {
        printf "%s %.6f %.6f\n", $4, 100 * $7, 100 * $8 }' >>"$work/ours"
    echo "$(field inst_h <"$work/judge.out") $(field viol_req <"$work/judge.out")" \
        "$(field viol_time <"$work/judge.out")" >>"$work/judges"
done
least() { cut -d' ' -f1 "$1" | sort -g | head -n 1; }
most() { cut -d' ' -f1 "$1" | sort -g | tail -n 1; }
mean() { awk -v k="$2" '{ s += $k } END { printf "%.6f", s / NR }' "$1"; }
echo "nab_Twitter_volume_AAPL, three seeds of each:"
agree "least instance-hours" "$(least "$work/judges")" "$(least "$work/ours")" 0.005 0
agree "most instance-hours" "$(most "$work/judges")" "$(most "$work/ours")" 0.005 0
agree "mean % of requests" "$(mean "$work/judges" 2)" "$(mean "$work/ours" 2)" 0.03 0.01
agree "mean % of time" "$(mean "$work/judges" 3)" "$(mean "$work/ours" 3)" 0.03 0.05
