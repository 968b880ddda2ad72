#!/bin/sh
# table.sh - the table of backends and conformance tests in tests/README.md.
#
#   table.sh PROGRAM...           compares it with what the programs say; exit code 1: differs
#   table.sh --write PROGRAM...   writes it
set -eu
readme=$(cd "$(dirname "$0")/.." && pwd)/README.md
write=no
if [ "$1" = --write ]; then
    write=yes
    shift
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for program; do
    "$program" --table
done | awk -F '\t' '
    $1 == "backend" { n++ }
    !($1 in row) { row[$1] = ++rows; name[rows] = $1 }
    {
        cell = $2
        if (cell ~ /^n\/a: /) {
            reason = substr(cell, 6)
            if (!(reason in note)) { note[reason] = ++notes; text[notes] = reason }
            cell = "n/a " note[reason]
        }
        value[row[$1], n] = cell
    }
    END {
        for (r = 1; r <= rows; r++) {
            line = "| " name[r] " |"
            for (b = 1; b <= n; b++)
                line = line " " value[r, b] " |"
            print line
            if (r == 1) {
                line = "| --- |"
                for (b = 1; b <= n; b++)
                    line = line " --- |"
                print line
            }
        }
        print ""
        for (i = 1; i <= notes; i++)
            print "n/a " i ": " text[i] ".  "
    }' >"$dir/table"
awk -v table="$dir/table" '
    /^<!-- conformance -->$/ { print; while ((getline line <table) > 0) print line; skip = 1 }
    /^<!-- end -->$/ { skip = 0 }
    !skip { print }' "$readme" >"$dir/README.md"
if [ "$write" = yes ]; then
    cp "$dir/README.md" "$readme"
elif ! diff -u "$readme" "$dir/README.md"; then
    echo "tests/README.md is not what the conformance programs say: build target conformance_table" >&2
    exit 1
fi
