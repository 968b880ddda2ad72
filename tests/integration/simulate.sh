#!/bin/sh
# `scaler simulate` from the command line: one small run against a golden file, what-ifs that
# move the result the right way, and messages for what cannot be simulated.
# SCALER_BLESS=1 writes the golden file anew.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
golden=$SCALER_SOURCE_DIR/tests/golden/simulate.txt
fail() { echo "FAILED: $*"; cat "$work/out"; exit 1; }

rows() { # MINUTES EXPRESSION of the minute m: a history from a midnight on
    awk -v n="$1" "BEGIN { print \"timestamp_unix,value\"
        for (m = 0; m < n; m++) printf \"%d,%.3f\n\", 1760054400 + 60 * m, $2 }"
}
day='400 + 300 * sin(6.283185307 * m / 1440) + (m % 7) * 3'
rows 5760 "$day + (m > 5000 && m < 5030 ? 300 : 0)" >"$work/load.csv"
simulate() {
    "$SCALER_BIN" simulate --capacity 50 --max 64 "$@" >"$work/out" 2>&1
}
on_load() { simulate --history "$work/load.csv" "$@"; }
value() { # POLICY COLUMN of the CSV in out
    awk -F, -v p="$1" -v c="$2" '$2 == p { print $c; exit }' "$work/out"
}
is() { # EXPRESSION
    awk "BEGIN { exit !($1) }" || fail "$1 does not hold"
}

on_load --min 2 --price 0.1
[ -n "${SCALER_BLESS:-}" ] && cp "$work/out" "$golden"
awk 'length > 104 { exit 1 }' "$work/out" || fail "wider than 104 columns"
diff "$golden" "$work/out" || fail "the screen is another (SCALER_BLESS=1 to accept)"

# The same run again is the same; rows for programs; what ifs.
on_load --format csv && hours=$(value scaler 4) && above=$(value scaler 7)
less=$(value scaler 11)
on_load --format csv && [ "$hours" = "$(value scaler 4)" ] || fail "another result"
is "$less > $above"
on_load --format csv --growth 2
is "$(value scaler 4) > 1.8 * $hours && $(value scaler 4) < 2.2 * $hours"
on_load --format csv --true-lead-time 30m
is "$(value scaler 7) > $above"
on_load --format csv --fail 0.5
is "$(value 'HPA at 70 %' 7) >= 0 && $(value 'perfect foresight' 7) == 0"
on_load --format csv --days 1
is "$(value 'perfect foresight' 4) < 0.6 * $hours"
on_load --format csv --curve
[ "$(grep -c '^,scaler,' "$work/out")" -eq 3 ] || fail "no three objectives"
on_load --format json && grep -q '"policy": "scaler"' "$work/out" || fail "no JSON"

# Loads without a shape.
rows 4320 100 >"$work/even.csv"
simulate --history "$work/even.csv" --format csv
is "$(value scaler 7) == 0 && $(value 'perfect foresight' 4) == 72"
rows 4320 0 >"$work/zero.csv"
simulate --history "$work/zero.csv" --min 1 --format csv
is "$(value scaler 7) == 0 && $(value scaler 4) == 36"

# HPA's best target is called so only where there is one that keeps, and one alone.
simulate --history "$work/zero.csv" --min 1
grep -q "^HPA at 20 % (best, tied)" "$work/out" || fail "a tie is not said"
grep -q "^HPA's best is no single target: 16 others come to the same as HPA at 20 %" "$work/out" ||
    fail "nor how many"
rows 4320 "(m < 3000 || m % 60 > 20 ? 10 : 3000)" >"$work/bursts.csv"
simulate --history "$work/bursts.csv" --min 1
grep -q "^HPA at [0-9]* % (loses least)" "$work/out" || fail "no target keeps, and that is not said"
grep -q "^no target of HPA keeps within [0-9.]* % above capacity: HPA at [0-9]* % loses least" \
    "$work/out" || fail "nor what is allowed"
on_load --min 2
grep -q "^HPA at 90 % (best) " "$work/out" || fail "the one that keeps is not the best"

# What cannot be simulated is said, with the exit code that belongs to it.
refused() { # EXIT WORDS OPTIONS...
    code=$1 words=$2
    shift 2
    set +e
    simulate "$@"
    rc=$?
    set -e
    [ "$rc" -eq "$code" ] || fail "$*: exit $rc, not $code"
    grep -q -- "$words" "$work/out" || fail "$*: \"$words\" is not said"
}
rows 1440 100 >"$work/short.csv"
refused 3 "1.0 days of history: at least 2" --history "$work/short.csv"
refused 3 "--days 9: the history has 4.0 days" --history "$work/load.csv" --days 9
printf 'timestamp_unix,value\n1760054400,\n1760054460,\n' >"$work/gaps.csv"
refused 3 "gaps.csv" --history "$work/gaps.csv"
refused 2 "min 70 is above max 64" --history "$work/load.csv" --min 70
refused 2 "--history FILE" --history "$work/load.csv" --service web
refused 2 "--fail 1: too large (at most 0.99" --history "$work/load.csv" --fail 1
refused 2 "jitter" --history "$work/load.csv" --jitter 2
refused 1 "none.csv" --history "$work/none.csv"
refused 2 "ends neither in .svg nor in .png" --history "$work/load.csv" --plot x.jpg
rc=0
"$SCALER_BIN" simulate --history "$work/load.csv" >"$work/out" 2>&1 || rc=$?
[ "$rc" -eq 2 ] && grep -q "give --capacity" "$work/out" || fail "no capacity is accepted"

# A configured service on its store.
cat >"$work/scaler.cfg" <<END
state_dir = "$work/state";
redis = { url = "redis://127.0.0.1:9/0"; };
services = ( { name = "web"; objective = 0.01;
    source = { type = "redis"; layout = "counter"; key = "rate:{service}:{epoch}"; };
    backend = { type = "process"; command = ["/bin/sleep", "1"]; };
    capacity = { per_instance = 50.0; }; limits = { min = 3; max = 40; }; } );
END
"$SCALER_BIN" import --config "$work/scaler.cfg" --service web "$work/load.csv" >"$work/out" 2>&1 ||
    fail "import"
"$SCALER_BIN" simulate --config "$work/scaler.cfg" --service web >"$work/out" 2>&1 ||
    fail "a configured service"
grep -q "^web: .* days" "$work/out" || fail "the service is not named"
grep -q "at least 3, at most 40; 1 % of requests may be" "$work/out" || fail "not as configured"

if command -v gnuplot >/dev/null; then
    on_load --plot "$work/run.svg"
    grep -q "above capacity" "$work/run.svg" || fail "nothing is drawn"
fi
