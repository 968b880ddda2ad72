#!/bin/sh
# import_export.sh - CSV goes in and comes out identically; faults are told, with exit codes.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export SCALER_STATE_DIR="$dir/state" SCALER_CONFIG="$dir/none.cfg"
fail() {
    echo "FAILED: $*"
    exit 1
}
expect() { # CODE PATTERN COMMAND...
    code=$1
    pattern=$2
    shift 2
    "$@" >"$dir/out" 2>&1
    got=$?
    [ "$got" = "$code" ] || { cat "$dir/out"; fail "exit code $got, not $code: $*"; }
    grep -q -- "$pattern" "$dir/out" || { cat "$dir/out"; fail "no \"$pattern\": $*"; }
}

awk 'BEGIN { print "time,value"; for (i = 0; i < 5000; i++) if (i % 700 != 3)
    printf "%d,%.3f\n", 1700000040 + 60 * i, 100 + i % 97 / 7 }' >"$dir/web.csv"

expect 3 "no store yet" "$SCALER_BIN" export --service web
expect 0 "4992 samples read, 4992 cells of 1m written, 2023-11-14T22:14:00Z to" \
    "$SCALER_BIN" import "$dir/web.csv" --service web
"$SCALER_BIN" export --service web >"$dir/a.csv" || fail "export"
[ "$(wc -l <"$dir/a.csv")" = 4993 ] || fail "lines"
SCALER_STATE_DIR="$dir/other" "$SCALER_BIN" import - --service web <"$dir/a.csv" >/dev/null ||
    fail "import of the export"
SCALER_STATE_DIR="$dir/other" "$SCALER_BIN" export --service web >"$dir/b.csv"
cmp "$dir/a.csv" "$dir/b.csv" || fail "the round trip changed something"

# Again: the same cells are overwritten, no others.
expect 0 "4992 cells" "$SCALER_BIN" import "$dir/web.csv" --service web
"$SCALER_BIN" export --service web | cmp - "$dir/a.csv" || fail "importing twice changed something"

printf '60,6000\n120,12000\n180,-1\n240,\n300,6000\n360,1e308' >"$dir/counts.csv"
expect 0 "left out: 1 unknown, 1 negative, 0 infinite" \
    "$SCALER_BIN" import "$dir/counts.csv" --service counted --counts --step 1m
expect 0 "left out: 1 beyond 1e+15" \
    "$SCALER_BIN" import "$dir/counts.csv" --service counted --counts --step 1m
expect 0 "1970-01-01T00:02:00Z,200" "$SCALER_BIN" export --service counted
printf '60,100\n120,160\n180,40\n240,100\n' >"$dir/totals.csv"
expect 0 "reset       1m  40 where 160 is usual" \
    "$SCALER_BIN" import "$dir/totals.csv" --service total --totals

expect 1 "bad.csv:2: found \"x\", expected a number" sh -c \
    'printf "60,1\n120,x\n" >"$0/bad.csv"; "$1" import "$0/bad.csv" --service bad' "$dir" "$SCALER_BIN"
expect 0 "1 bad lines left out" "$SCALER_BIN" import "$dir/bad.csv" --service bad --skip-bad 1 --step 60
expect 3 "empty.csv: no samples in it" sh -c \
    ': >"$0/empty.csv"; "$1" import "$0/empty.csv" --service e' "$dir" "$SCALER_BIN"
expect 2 "letters, digits" "$SCALER_BIN" import "$dir/web.csv" --service ../web
cat >"$dir/named.cfg" <<'END'
redis = { url = "redis://127.0.0.1:6379/0"; };
services = ( {
  name = "web";
  source = { type = "redis"; layout = "counter"; key = "r:{service}:{epoch}"; };
  backend = { type = "process"; command = ["/bin/true"]; };
  capacity = { per_instance = 5.0; };
  limits = { max = 3; };
} );
END
expect 0 "did you mean \"web\"" "$SCALER_BIN" import "$dir/web.csv" --service wbe \
    --config "$dir/named.cfg" --state-dir "$dir/slip"
expect 2 "give a FILE" "$SCALER_BIN" import --service web
expect 2 "needs --query" "$SCALER_BIN" import --service web --prometheus http://127.0.0.1:1
expect 1 "127.0.0.1" "$SCALER_BIN" import --service web --prometheus http://127.0.0.1:1 --query up
expect 3 "did you mean \"web\"" "$SCALER_BIN" export --service wbe
expect 0 "nothing was decided for web in the last 2h" "$SCALER_BIN" decisions --service web --since 2h
expect 3 "nothing was decided yet" "$SCALER_BIN" explain
expect 2 "is no decision" "$SCALER_BIN" explain x
expect 3 "no decision 7: nothing was decided yet" "$SCALER_BIN" explain 7
expect 3 "nothing was decided yet: " "$SCALER_BIN" explain --service web
# a store of another user: who owns it is told; root itself may go anywhere
mkdir -m 700 "$dir/closed" && "$SCALER_BIN" import "$dir/web.csv" --service web \
    --state-dir "$dir/closed" >/dev/null || fail "import into a closed directory"
as="setpriv --reuid=65534 --regid=65534 --clear-groups"
if [ "$(id -u)" != 0 ]; then
    as=
    chmod 000 "$dir/closed"
fi
if $as test -x "$SCALER_BIN"; then
    expect 1 "no right to open it: .* belongs to user" $as "$SCALER_BIN" export --service web \
        --state-dir "$dir/closed"
fi
chmod 700 "$dir/closed"
echo passed
