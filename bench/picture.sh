#!/bin/sh
# picture.sh - the picture of README.md: a day as forecast at the midnight before it, with its
# band, against what came.
#
#   bench/picture.sh nasa_http.csv [PROGRAM] [OUT.svg]
#
# nasa_http.csv: requests a minute of the NASA Kennedy Space Center web server, July 1995 (the
# Internet Traffic Archive), header `timestamp_unix,value`. The day is Thursday, 27 July: the
# last whole one before the hole in that log. Nothing after the midnight before it is shown to
# the program but as --against.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
trace=${1:?which trace? the path of nasa_http.csv}
scaler=${2:-$root/build/demo/scaler}
out=${3:-$root/src/man/pictures/forecast.svg}
midnight=806803200 # 1995-07-27T00:00:00 by the server's clock
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -F, -v m=$midnight 'NR == 1 || $1 < m' "$trace" >"$work/before.csv"
awk -F, -v m=$midnight 'NR == 1 || ($1 >= m && $1 < m + 86400)' "$trace" >"$work/came.csv"
"$scaler" forecast --history "$work/before.csv" --step 15m --horizon 24h \
    --against "$work/came.csv" --plot "$out"
