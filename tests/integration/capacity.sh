#!/bin/sh
# capacity.sh - `scaler capacity` on files and on a store: the line that made the data is found,
# and where there is too little, what is missing.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
# expect CODE PATTERN ARGUMENTS...
expect() {
    code=$1 pattern=$2
    shift 2
    "$SCALER_BIN" capacity "$@" >"$dir/out" 2>&1
    got=$?
    if [ "$got" != "$code" ] || ! grep -Eq -- "$pattern" "$dir/out"; then
        echo "FAILED: capacity $*: exit $got, not $code, or no \"$pattern\":"
        cat "$dir/out"
        failed=1
    fi
}

# A day: load, instances, and cpu = 0.05 + 0.65 load / instances / 97, noise and a batch job.
awk -v dir="$dir" 'BEGIN {
    srand(7)
    for (i = 0; i < 1440; i++) {
        t = 1700000000 - 1700000000 % 60 + 60 * i
        load = 900 - 600 * cos(6.2831853 * i / 1440) + 40 * (rand() - 0.5)
        if (i % 30 == 0) n = int(load / 60) + 3
        cpu = 0.05 + 0.65 * load / n / 97 + 0.02 * (rand() - 0.5)
        if (i >= 200 && i < 260) cpu += 0.25
        print t "," load > (dir "/load.csv")
        print t "," n > (dir "/ready.csv")
        print t "," cpu > (dir "/cpu.csv")
        if (i < 20) print t "," load > (dir "/short.csv")
    }
}'
files="--history $dir/load.csv --ready $dir/ready.csv"
expect 0 'measured; guard from' $files --guard "$dir/cpu.csv" --target 0.7
expect 0 '^service,guard,target,per_instance,low,high,confidence,stated,cells,note' \
    $files --guard "$dir/cpu.csv" --target 0.7 --format csv
awk -F, 'NR == 2 && $4 > 92 && $4 < 102 && $5 < $4 && $4 < $6 && $7 == 0.95 { ok = 1 }
         END { exit !ok }' "$dir/out" || { echo "FAILED: not near 97:"; cat "$dir/out"; failed=1; }
expect 0 'a lower bound' $files
expect 0 '"per_instance": null' $files --format json
expect 2 'needs --ready' --history "$dir/load.csv"
expect 2 'give --target' $files --guard "$dir/cpu.csv"
expect 3 '[0-9]+ cells have load, ready count and utilisation: 30 are needed' \
    --history "$dir/short.csv" --ready "$dir/ready.csv" --guard "$dir/cpu.csv" --target 0.7
expect 3 'too far from the target of 5' $files --guard "$dir/cpu.csv" --target 5

# A store that knows loads alone.
"$SCALER_BIN" import --service web --state-dir "$dir/state" "$dir/load.csv" >"$dir/out" 2>&1 ||
    { echo "FAILED: import"; cat "$dir/out"; failed=1; }
expect 3 'service "web": no ready counts and no decisions are kept' --state-dir "$dir/state" \
    --since 2023-11-01T00:00:00Z
# A table of nothing has no head either.
if "$SCALER_BIN" capacity --state-dir "$dir/state" 2>/dev/null | grep -q .; then
    echo "FAILED: all services fail, and yet there is a table:"
    "$SCALER_BIN" capacity --state-dir "$dir/state"
    failed=1
fi
expect 3 'nothing was recorded yet|no store|no file' --state-dir "$dir/none"
exit $failed
