#!/bin/sh
# exec_faults.sh - runs the example program, and misbehaves as the file $SLEEPERS_DIR/fault says.
program=$(dirname "$0")/../../config/examples/backends/sleepers.sh
fault=$(cat "$SLEEPERS_DIR/fault" 2>/dev/null)
case "$fault" in
status\ *)
    echo "told to fail" >&2
    exit "${fault#status }"
    ;;
silent) exec sleep 60 ;;
garbage)
    echo '<html>'
    exit 0
    ;;
huge) exec yes ;;
cut)
    request=$(cat)
    case "$request" in
    *'"scale"'*)
        echo "$request" | "$program" >/dev/null
        kill -9 $$
        ;;
    esac
    echo "$request" | exec "$program"
    ;;
rollout)
    "$program" | sed 's/"ready"/"rollout":"version 2","ready"/'
    ;;
late\ *)
    if [ "$(date +%s%3N)" -lt "${fault#late }" ]; then
        "$program" | sed 's/"ready":[0-9]*/"ready":0/'
    else
        exec "$program"
    fi
    ;;
*) exec "$program" ;;
esac
