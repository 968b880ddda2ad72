#!/bin/sh
# Ctrl-C in the middle of the quickstart ends everything that it started.
set -eu
command -v redis-server >/dev/null || { echo "skipped: no redis-server"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp"

TMPDIR=$work/tmp timeout -s INT -k 60 30 \
    "$SCALER_SOURCE_DIR/config/quickstart/run.sh" --build "$(dirname "$SCALER_BIN")" \
    >"$work/out" 2>&1 && { echo "FAILED: not interrupted"; exit 1; }
cat "$work/out"
grep -q "the day begins" "$work/out" || { echo "FAILED: it did not get as far"; exit 1; }
[ -z "$(ls -A "$work/tmp")" ] || { echo "FAILED: left behind: $(ls -A "$work/tmp")"; exit 1; }
left=$(grep -lzE "$work/tm[p]" /proc/[0-9]*/cmdline 2>/dev/null || true)
[ -z "$left" ] || { echo "FAILED: still running: $left"; exit 1; }
