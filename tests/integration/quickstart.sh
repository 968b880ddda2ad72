#!/bin/sh
# The quickstart, short: one rise, Redis killed in it and scaler with -9, against what is built
# here. Held are the promises that run.sh checks itself, and that it leaves nothing behind; who
# wins is not.
set -eu
command -v redis-server >/dev/null || { echo "skipped: no redis-server"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp"
build=$(dirname "$SCALER_BIN")

rc=0
cd / && env -i PATH="$PATH" HOME="$work" TMPDIR="$work/tmp" \
    "$SCALER_SOURCE_DIR/config/quickstart/run.sh" --short --build "$build" >"$work/out" 2>&1 ||
    rc=$?
cat "$work/out"
[ -z "$(ls -A "$work/tmp")" ] || { echo "FAILED: left behind: $(ls -A "$work/tmp")"; exit 1; }
if [ "$rc" -eq 3 ]; then
    echo "skipped: the machine was too busy for a run that says anything"
    exit 77
fi
exit "$rc"
