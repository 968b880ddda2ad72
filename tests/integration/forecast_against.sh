#!/bin/sh
# `scaler forecast --against`: what came is scored against the forecast, and drawn.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; cat "$work/out"; exit 1; }

rows() { # FROM_HOUR TO_HOUR FACTOR: a daily curve, hourly, from a midnight on
    awk -v from="$1" -v to="$2" -v factor="$3" 'BEGIN { print "timestamp_unix,value"
        for (h = from; h < to; h++)
            printf "%d,%.3f\n", 1760054400 + 3600 * h,
                factor * (200 + 100 * sin(6.283185307 * h / 24)) }'
}
rows 0 336 1 >"$work/history.csv"
rows 336 360 1 >"$work/same.csv"
rows 336 360 2 >"$work/double.csv"
rows 500 510 1 >"$work/elsewhen.csv"
forecast() {
    "$SCALER_BIN" forecast --history "$work/history.csv" --step 1h --horizon 24h "$@" \
        >"$work/out" 2>&1
}

forecast --against "$work/same.csv"
off=$(sed -n 's/^what came: 24 steps; .* off by \([0-9]*\).*/\1/p' "$work/out")
[ "${off:-99}" -lt 5 ] || fail "a day like all others is off by ${off:-nothing}"
forecast --against "$work/double.csv"
off=$(sed -n 's/^what came: 24 steps; .* off by \([0-9]*\).*/\1/p' "$work/out")
[ "${off:-0}" -gt 40 ] || fail "twice the load is off by ${off:-nothing}"
forecast --against "$work/elsewhen.csv"
grep -q "no values in the time of the forecast" "$work/out" || fail "another time is not said"
forecast --against "$work/none.csv" && fail "a file that is not there is accepted"
grep -q -- "--against" "$work/out" || fail "the message does not name the option"

if command -v gnuplot >/dev/null; then
    forecast --against "$work/same.csv" --plot "$work/day.svg"
    grep -q "what came" "$work/day.svg" || fail "what came is not drawn"
fi
