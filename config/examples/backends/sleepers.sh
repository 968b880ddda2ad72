#!/bin/sh
# sleepers.sh - a program for the exec backend whose instances are `sleep` processes: an example
# to start from. SLEEPERS_DIR holds a file an instance, SLEEPERS_MOST is the most of them.
set -eu
dir=${SLEEPERS_DIR:?}
most=${SLEEPERS_MOST:-10}
mkdir -p "$dir"

request=$(cat)
field() { # NAME: a plain value of the request
    printf '%s\n' "$request" | sed -n "s/.*\"$1\": *\"\{0,1\}\([a-z0-9]*\).*/\1/p"
}

began() { # PID: its start time; nothing when it has ended. A pid alone may be used again.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'
}

is_alive() { # FILE: "PID START"
    read -r pid start <"$1" && [ "$(began "$pid")" = "$start" ]
}

running() { # the pid files of those that live; the others are removed
    for f in "$dir"/*.pid; do
        [ -e "$f" ] || continue
        if is_alive "$f"; then
            echo "$f"
        else
            rm -f "$f"
        fi
    done
}

start_one() { # the first free name
    n=1
    while [ -e "$dir/$n.pid" ]; do
        n=$((n + 1))
    done
    setsid sleep 1000000 </dev/null >/dev/null 2>&1 &
    echo "$! $(began $!)" >"$dir/$n.pid"
    echo "start $n" >>"$dir/log"
}

stop_one() {
    f=$(running | tail -n 1)
    read -r pid start <"$f"
    kill "$pid"
    rm -f "$f"
    echo "stop ${f##*/}" >>"$dir/log"
}

now=$(running | wc -l)
case "$(field action)" in
status)
    echo "{\"running\":$now,\"ready\":$now,\"most\":$most}"
    ;;
scale)
    count=$(field count)
    if [ "$count" -gt "$most" ]; then
        echo "$count asked, the most is $most" >&2
        exit 5
    fi
    while [ "$now" -lt "$count" ]; do
        start_one
        now=$((now + 1))
    done
    while [ "$now" -gt "$count" ]; do
        stop_one
        now=$((now - 1))
    done
    echo '{}'
    ;;
check)
    echo "{\"note\":\"instances are sleepers in $dir\"}"
    ;;
*)
    echo "unknown action" >&2
    exit 2
    ;;
esac
