# `scaler forecast` and `scaler plan` of services in the store, with a configuration and without.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAIL: $*"; cat "$dir/out" "$dir/err"; exit 1; }
export SCALER_CONFIG="$dir/scaler.cfg" SCALER_STATE_DIR="$dir/state"
scaler() { "$SCALER_BIN" "$@" > "$dir/out" 2> "$dir/err"; }

# Nine days of a day's wave around 100, ending in August 1995 or a minute ago.
wave() {
    awk -v end="$1" 'BEGIN { end -= end % 300; for (t = end - 9 * 86400; t < end; t += 300)
        printf "%d,%.3f\n", t, 100 + 60 * sin(6.283185307 * (t % 86400) / 86400) + t / 300 % 7 }'
}
wave 809913600 > "$dir/old.csv"
wave "$(date +%s)" > "$dir/new.csv"
scaler import "$dir/old.csv" --service old || fail "import"
scaler import "$dir/new.csv" --service web || fail "import"

scaler forecast --horizon 1h || fail "forecast of all"
grep -q '^old: next 1h' "$dir/out" && grep -q '^web: next 1h' "$dir/out" || fail "not both services"
grep -q 'old: the samples end [0-9]* days ago, at 1995-09-01T00:00:00Z' "$dir/err" || fail "age not told"
grep -q 'web: the samples end' "$dir/err" && fail "fresh samples are called old"
scaler forecast --service web --service old --format csv
[ $? -eq 2 ] || fail "two services in one CSV"
scaler forecast --service wep
[ $? -eq 3 ] || fail "an unknown service exits 3"
grep -q 'did you mean "web"' "$dir/err" || fail "no service proposed"

scaler plan --service web
[ $? -eq 2 ] || fail "a plan without a capacity exits 2"
grep -q -- '--capacity' "$dir/err" || fail "does not say what is missing"
scaler plan --service old --capacity 10 --lead-time 3m || fail "plan without a configuration"
grep -q '^1995-09-01T' "$dir/out" || fail "does not plan from the end of the samples"
grep -q 'for 10 an instance, lead time 3m (given), 0.1 %' "$dir/err" || fail "options are not told"
grep -q 'as the daemon decides: quantile [0-9.]*, headroom [0-9.-]* %, calibrated on the last 9 days' \
    "$dir/err" || fail "what the counts rest on is not told"
grep -q 'stricter or laxer, by a replay of the last' "$dir/err" && grep -q '1 % allowed  *-' "$dir/err" ||
    fail "what a laxer objective saves is not told"
# against a plan that was saved, and one made for half the capacity
scaler plan --service old --capacity 10 --lead-time 3m --format json || fail "plan as JSON"
cp "$dir/out" "$dir/saved.json"
scaler plan --service old --capacity 10 --lead-time 3m --against "$dir/saved.json" || fail "against itself"
grep -q '^no difference to the plan of the file' "$dir/out" || fail "differs from itself"
scaler plan --service old --capacity 5 --lead-time 3m --against "$dir/saved.json" || fail "against half"
grep -q '^TIME .* UNTIL .* WAS  IS  WHY' "$dir/out" || fail "no rows"
scaler plan --service old --capacity 10 --against "$dir/old.csv"
[ $? -eq 1 ] && grep -q 'old.csv: .*--format json' "$dir/err" || fail "a file that is no plan"
scaler plan --service old --capacity 10 --diff
[ $? -eq 2 ] && grep -q 'diff needs its configuration' "$dir/err" || fail "--diff without a configuration"
scaler plan --history "$dir/old.csv" --capacity 10 --diff
[ $? -eq 2 ] && grep -q 'against FILE' "$dir/err" || fail "--diff of a file"
scaler plan --service old --capacity 10 --step 7m
[ $? -eq 2 ] && grep -q 'multiple of the history.s 5m' "$dir/err" || fail "an odd step of the plan"
awk 'length > 100 { exit 1 }' "$dir/out" || fail "wider than 100 columns"

cat > "$dir/scaler.cfg" <<'CFG'
redis = { url = "redis://127.0.0.1:1"; };
services = ({ name = "web"; timezone = "UTC"; lead_time = "7m"; cost_ratio = 20; price = 0.5;
  source = { type = "redis"; layout = "counter"; key = "rate:{service}:{epoch}"; };
  backend = { type = "process"; command = ["/bin/sleep", "1"]; };
  capacity = { per_instance = 25.0; }; limits = { min = 2; max = 5; }; });
CFG
scaler plan --service web --diff
[ $? -eq 3 ] && grep -q 'no plan was published yet' "$dir/err" || fail "--diff before the daemon ran"
scaler plan --service web || fail "plan as configured"
grep -q 'for 25 an instance, lead time 7m (configured), a request above capacity priced as 20' "$dir/err" ||
    fail "not as configured"
grep -q 'price ' "$dir/err" || fail "no price"
grep -q 'need more than max = 5' "$dir/err" || fail "max is not told"
scaler plan --service web --capacity 50 --max 9 --objective 0.01 || fail "options beside a configuration"
grep -q 'for 50 an instance, lead time 7m (configured), 1 % of' "$dir/err" || fail "options do not go first"
# hooks: one that patches and pads, one that is late, one that answers nonsense
printf '%s\n' '#!/bin/sh' "cat > $dir/told" 'case $1 in' 'pad) echo "{\"factor\":2}" ;;' \
    'late) sleep 30 ;;' 'odd) echo nonsense ;;' 'none) echo "{}" ;;' 'esac' > "$dir/hook"
chmod 700 "$dir/hook"
hooks() {
    sed "s|services = ({|&hooks = { environment = [\"PATH=$PATH\"]; deadline = \"1s\"; $1 };|" "$dir/scaler.cfg" > "$dir/hooks.cfg"
    scaler forecast --config "$dir/hooks.cfg" --service web --horizon 1h --format csv
}
hooks "" || fail "hooks without any"
plain=$(sed -n 2p "$dir/out" | cut -d, -f2)
hooks "before_forecast = [\"$dir/hook\", \"none\"]; after_forecast = [\"$dir/hook\", \"pad\"];" || fail "hooks"
grep -q 'hook before_forecast changed 0 of' "$dir/err" || fail "the hook before is not told of"
grep -q 'hook after_forecast changed the forecast' "$dir/err" || fail "the hook after is not told of"
sed -n 2p "$dir/out" | awk -F, -v plain="$plain" '{ r = $2 / plain; exit !(r > 1.99 && r < 2.01) }' ||
    fail "the forecast is not padded"
grep -q '"hook":"after_forecast","service":"web"' "$dir/told" || fail "the hook is told nothing"
for how in late odd; do
    hooks "after_forecast = [\"$dir/hook\", \"$how\"];" || fail "stops at a hook that is $how"
    grep -q 'hook after_forecast: .*went on without it' "$dir/err" || fail "$how: not told"
    [ "$(sed -n 2p "$dir/out" | cut -d, -f2)" = "$plain" ] || fail "$how: another forecast"
done
hooks "after_forecast = [\"hook\"];"
[ $? -eq 2 ] && grep -q 'hooks: after_forecast = .*from the root' "$dir/err" || fail "a path without its root"
# every service of the store: the one that is not configured is named
scaler plan
[ $? -eq 2 ] || fail "a service that is not configured"
grep -q 'service "old"' "$dir/err" || fail "does not name it"
grep -q '^web: next 1d' "$dir/err" || fail "stops at the first that fails"
# a service with too little history: named, the others go on, the exit code tells
head -2 "$dir/new.csv" > "$dir/two.csv"
scaler import "$dir/two.csv" --service aaa || fail "import of two samples"
scaler forecast --horizon 1h
[ $? -eq 3 ] || fail "forecast of all, one too short"
grep -q 'service "aaa": ' "$dir/err" || fail "does not name the one that failed"
grep -q '^web: next 1h' "$dir/out" && grep -q '^old: next 1h' "$dir/out" || fail "the others are missing"
scaler plan --capacity 10
[ $? -eq 3 ] || fail "plan of all, one too short"
grep -q '^web: next 1d' "$dir/err" && grep -q '^old: next 1d' "$dir/err" || fail "plans of the others are missing"
# a file that cannot be read is named once
scaler forecast --history "$dir"
[ $? -eq 1 ] || fail "a directory as history"
[ "$(grep -o "$dir" "$dir/err" | wc -l)" -eq 1 ] || fail "named twice"
echo ok
