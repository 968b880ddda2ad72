#!/bin/sh
# cli.sh - the frame around every command: help, slips, exit codes, check.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# expect NAME CODE PART COMMAND...: exit code, and a part of what it prints.
expect() {
    name=$1 code=$2 part=$3
    shift 3
    out=$("$@" 2>&1)
    got=$?
    if [ "$got" != "$code" ]; then
        echo "FAILED $name: exit $got, not $code: $out"
        failed=1
    fi
    case "$out" in
    *"$part"*) ;;
    *)
        echo "FAILED $name: \"$part\" is not in: $out"
        failed=1
        ;;
    esac
}

s=$SCALER_BIN
expect "help" 0 "usage: scaler COMMAND" "$s" --help
expect "version" 0 "scaler 0." "$s" --version
expect "no command" 2 "which command?" "$s"
expect "unknown command" 2 'unknown command "chek" (did you mean "check"?)' "$s" chek
expect "help of a command" 0 "--connect" "$s" check --help
expect "help by word" 0 "--connect" "$s" help check
expect "examples" 0 "Examples:" "$s" check --help
expect "unknown option" 2 "check: unknown option --conect (did you mean --connect?)" "$s" check --conect
expect "too many words" 2 'unexpected word "b"' "$s" check a b
expect "global option first" 2 "$dir/none.cfg: No such file" "$s" --config "$dir/none.cfg" check
expect "bad global option" 2 "--log-level loud: not one of" "$s" --log-level loud check
expect "by environment" 2 "$dir/env.cfg" env SCALER_CONFIG="$dir/env.cfg" "$s" check

for o in --config --state-dir --log-level; do
    expect "$o alone" 2 "$o needs a value" "$s" $o
done
expect "empty text" 2 "--reason : empty" "$s" hold --all --reason ""
expect "long text" 2 "too long (at most 127 bytes)" "$s" hold --all --reason "$(printf '%0200d' 0)"

# What is printed and cannot be kept is a failure, whichever the command.
for c in --help --version "check --help" "models" "check $dir/empty.cfg" "man"; do
    printf 'services = ();\n' >"$dir/empty.cfg"
    # shellcheck disable=SC2086
    expect "full disk: $c" 1 "cannot write" sh -c '"$@" >/dev/full' sh "$s" $c
done

# Started without a stream, what is printed must not land in the next file or connection.
for c in --version models "check $dir/empty.cfg"; do
    # shellcheck disable=SC2086
    expect "no stdout: $c" 1 "cannot write" sh -c '"$@" >&-' sh "$s" $c
    # shellcheck disable=SC2086
    expect "no streams: $c" 1 "" sh -c '"$@" <&- >&- 2>&-' sh "$s" $c
done

expect "what must be given" 2 "hold: --reason is missing" "$s" hold --all

# A slip in a service's name: what was meant stands, and that must be said.
cat >"$dir/one.cfg" <<END
state_dir = "$dir/one";
csv = { dir = "$dir"; };
services = ( {
  name = "web"; source = { type = "csv"; };
  backend = { type = "process"; command = [ "true" ]; };
  capacity = { per_instance = 1.0; }; limits = { max = 3; };
} );
END
for c in "resume" "resume --accept-low" "stop --instances --service"; do
    # shellcheck disable=SC2086
    expect "slip: $c" 2 'unknown service "wbe" (did you mean "web"?)' \
        "$s" $c wbe --config "$dir/one.cfg"
done
expect "a slip far off" 2 'unknown service "mail"' "$s" resume mail --config "$dir/one.cfg"
expect "not held" 0 "web: was not held" "$s" resume web --config "$dir/one.cfg"
mkdir -p "$dir/one/instances/old"
: >"$dir/one/hold.old"
expect "hold of a removed service" 0 "old: no longer held" \
    "$s" resume old --config "$dir/one.cfg"
expect "instances of a removed service" 0 "0 instances to stop" \
    "$s" stop --instances --service old --config "$dir/one.cfg"

# A limit for a time is held against the other end as configured.
expect "max below min" 2 "--max 0 is below the configured min = 1 of service \"web\": give --min too" \
    "$s" override web --max 0 --for 1h --reason r --config "$dir/one.cfg"
[ ! -L "$dir/one/override.web" ] || { echo "FAILED max below min: it is in force"; failed=1; }
expect "both ends" 0 'service "web": exactly 0 instances until' \
    "$s" override web --min 0 --max 0 --for 1h --reason r --config "$dir/one.cfg"
expect "min above max" 0 "--min 9 is above the configured max = 3, which is 9 until then" \
    "$s" override web --min 9 --for 1h --reason r --config "$dir/one.cfg"
"$s" override web --end --config "$dir/one.cfg" >/dev/null

# A configuration that cannot be read names no state directory: what to say instead stands there.
printf 'state_dir = "%s/one";\nservices = ({ name = ;\n' "$dir" >"$dir/broken.cfg"
for c in "status" "hold web --reason r" "resume web"; do
    # shellcheck disable=SC2086
    expect "broken: $c" 2 "the state directory stands in it: say --state-dir DIR" \
        "$s" $c --config "$dir/broken.cfg"
    # shellcheck disable=SC2086
    expect "broken: $c" 2 "broken.cfg:2: " "$s" $c --config "$dir/broken.cfg"
done
expect "broken, told where" 0 "held" \
    "$s" hold web --reason r --config "$dir/broken.cfg" --state-dir "$dir/one"
"$s" resume web --config "$dir/one.cfg" >/dev/null

# What was overridden, by whom and why, can be read later.
"$s" override web --count 3 --for 1h --reason "spring sale" --state-dir "$dir/state" >/dev/null
"$s" override web --end --state-dir "$dir/state" >/dev/null
expect "overrides so far" 0 ",3,3,$(id -un),spring sale" \
    "$s" override web --list --format csv --state-dir "$dir/state"

# A reader that has seen enough is no fault: not a word, and the end that other tools have (128
# and SIGPIPE, to a shell).
mkfifo "$dir/gone"
: <"$dir/gone" &
exec 4>"$dir/gone"
wait $!
head -n 1 "$SCALER_SOURCE_DIR/tests/fuzz/corpus/advise/session" >"$dir/line"
for c in --help --version "check --help" "models" "models --format json" "check $dir/empty.cfg" \
    "man" "advise --objective 0.001"; do
    # shellcheck disable=SC2086
    said=$("$s" $c 2>&1 >&4 <"$dir/line")
    got=$?
    if [ "$got" != 141 ] || [ -n "$said" ]; then
        echo "FAILED reader gone: $c: exit $got: $said"
        failed=1
    fi
done
exec 4>&-

for c in $("$s" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    expect "help of $c" 0 "usage: scaler $c" "$s" "$c" --help
done

cat >"$dir/bad.cfg" <<'END'
log_levl = "info";
services = ( {
  name = "checkout";
  timezone = "Mars/Base";
  limits = { min = 9; max = 3; };
} );
END
expect "faults by line" 2 "bad.cfg:1: unknown option \"log_levl\" (did you mean \"log_level\"?)" \
    "$s" check "$dir/bad.cfg"
expect "all faults" 2 "bad.cfg:5: service \"checkout\": limits: min = 9 is above max = 3" \
    "$s" check "$dir/bad.cfg"
expect "no colours off a terminal" 2 "error: $dir/bad.cfg:1:" "$s" check "$dir/bad.cfg"

printf 'services = ();\n' >"$dir/good.cfg"
cat >"$dir/calendar.cfg" <<END
csv = { dir = "$dir"; };
services = ( {
  name = "checkout"; timezone = "UTC"; source = { type = "csv"; };
  backend = { type = "process"; command = [ "true" ]; };
  capacity = { per_instance = 1.0; }; limits = { max = 3; };
  calendar = { files = [ "$dir/days.ics" ]; };
} );
END
expect "no calendar" 1 "error: calendar of \"checkout\" (files): $dir/days.ics: cannot open" \
    "$s" check "$dir/calendar.cfg"
printf 'BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Half\nEND:VEVENT\nEND:VCALENDAR\n' >"$dir/days.ics"
expect "a bad event" 0 "\"Half\": has no DTSTART" "$s" check "$dir/calendar.cfg"
sed -i 's/END:VEVENT/DTSTART;VALUE=DATE:20260101\n&/' "$dir/days.ics"
expect "a calendar" 0 "1 service, 1 source: fine" "$s" check "$dir/calendar.cfg"
expect "a good file" 0 "0 services, 0 sources: fine" "$s" check "$dir/good.cfg"
chmod 666 "$dir/good.cfg"
expect "anyone may write it" 2 "chmod go-w" "$s" check "$dir/good.cfg"

exit $failed
