# `scaler forecast` as a user runs it: columns, rows, exit codes, clear messages.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

awk 'BEGIN { for (t = 0; t < 1344; t++) {
    d = 1 + 0.6 * sin(6.283185307 * t / 48); w = int(t / 48) % 7 >= 5 ? 0.5 : 1
    printf "%d,%.4f\n", 1700006400 + t * 1800, 100 * d * w * (1 + 0.05 * sin(0.37 * t * t)) } }' > "$dir/h.csv"

"$SCALER_BIN" forecast --history "$dir/h.csv" --step 1800 --horizon 24h --format csv > "$dir/out.csv" ||
    fail "exit $?"
[ "$(head -1 "$dir/out.csv")" = timestamp_unix,p50,mean,p10,p90,p95,p99 ] || fail "columns"
[ "$(wc -l < "$dir/out.csv")" -eq 49 ] || fail "a row a step"
[ "$(sed -n 2p "$dir/out.csv" | cut -d, -f1)" -eq 1702425600 ] || fail "starts after the history"
awk -F, 'NR > 1 && !($4 <= $2 && $2 <= $5 && $5 <= $6 && $6 <= $7) { exit 1 }' "$dir/out.csv" ||
    fail "quantiles cross"
# Points against the recorded ones, within 2 % (compilers round sums differently).
golden=$SCALER_SOURCE_DIR/tests/golden/forecast.csv
[ -n "${SCALER_BLESS:-}" ] && cp "$dir/out.csv" "$golden"
paste -d, "$golden" "$dir/out.csv" | awk -F, 'NR > 1 { d = $2 - $9; if (d < 0) d = -d
    if ($1 != $8 || d > 0.02 * $2) { print; exit 1 } }' || fail "differs from $golden"

"$SCALER_BIN" forecast --history - --horizon 1h --format json < "$dir/h.csv" | grep -q '"p95"' ||
    fail "standard input, JSON"
LC_ALL=C "$SCALER_BIN" forecast --history "$dir/h.csv" --horizon 24h --chart --verbose \
    > "$dir/table" 2> "$dir/verbose" || fail "table"
grep -q 'p95 peak' "$dir/table" || fail "no summary"
grep -q 'history, = p50' "$dir/table" || fail "no ASCII chart"
grep -q 'smoothing (log)' "$dir/verbose" || fail "no components"

head -4 "$dir/h.csv" > "$dir/short.csv"
"$SCALER_BIN" forecast --history "$dir/short.csv" 2> "$dir/err"
[ $? -eq 3 ] || fail "a short history exits 3"
grep -q 'at least 8' "$dir/err" || fail "a short history says what is missing"
"$SCALER_BIN" forecast --state-dir "$dir/none" 2> "$dir/err"
[ $? -eq 3 ] || fail "nothing to forecast exits 3"
grep -q 'nothing was recorded or imported' "$dir/err" || fail "does not say that the store is empty"
"$SCALER_BIN" forecast --history "$dir/h.csv" --service web 2> "$dir/err"
[ $? -eq 2 ] || fail "two histories exit 2"
"$SCALER_BIN" forecast --history "$dir/h.csv" --model oracle 2> "$dir/err"
[ $? -eq 2 ] || fail "an unknown model exits 2"
"$SCALER_BIN" forecast --history "$dir/h.csv" --plot day.gif 2> "$dir/err" > /dev/null
[ $? -eq 2 ] || fail "an unknown picture exits 2"
if command -v gnuplot > /dev/null; then
    "$SCALER_BIN" forecast --history "$dir/h.csv" --horizon 24h --plot "$dir/day.svg" > /dev/null ||
        fail "plot"
    grep -q '<svg' "$dir/day.svg" || fail "no picture"
fi
"$SCALER_BIN" forecast --history "$dir/h.csv" --plot "$dir/none/day.svg" 2> "$dir/err" > "$dir/out"
[ $? -eq 1 ] || fail "a picture that cannot be written exits 1"
grep -q 'cannot write: No such file' "$dir/err" || fail "does not say why there is no picture"
grep -q '<svg' "$dir/out" && fail "a picture in the table"
sed 's/,/,-/' "$dir/h.csv" > "$dir/negative.csv"
"$SCALER_BIN" forecast --history "$dir/negative.csv" 2> "$dir/err"
[ $? -eq 3 ] || fail "nothing but negative values exits 3"
grep -q '0 of 1344 samples usable (1344 negative)' "$dir/err" || fail "does not say what is negative"
printf '17000' >> "$dir/h.csv"
"$SCALER_BIN" forecast --history "$dir/h.csv" --horizon 1h 2> "$dir/err" > /dev/null ||
    fail "half a line at the end"
grep -q 'last line is half written' "$dir/err" || fail "does not tell of half a line"
"$SCALER_BIN" models | grep -q '^harmonic' || fail "models"
echo ok
