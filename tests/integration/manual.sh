#!/bin/sh
# manual.sh - what the program writes about itself is complete, well formed and current.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
umask 077
failed=0
fail() {
    echo "FAILED $*"
    failed=1
}

s=$SCALER_BIN
for page in program config; do
    "$s" man --page $page >"$dir/$page" || fail "man --page $page"
    if grep -n '. \.\(B\|BR\|I\|TP\) ' "$dir/$page"; then
        fail "$page: a request that does not begin its line is printed as it stands"
    fi
    if command -v man >/dev/null 2>&1; then
        out=$(MANWIDTH=80 LC_ALL=C.UTF-8 man -l --warnings=mac,char,reg,number,escape \
            "$dir/$page" 2>&1 >/dev/null)
        [ -z "$out" ] || fail "man -l of $page: $out"
    fi
done
for c in $("$s" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    grep -q "^.SS \"scaler $(echo "$c" | sed 's/-/\\\\-/g') " "$dir/program" ||
        fail "scaler(1) has no section on $c"
done

# The commented configuration: as it is in the tree, and every setting known when switched on.
"$s" man --page sample >"$dir/sample" || fail "man --page sample"
cmp -s "$dir/sample" "$SCALER_SOURCE_DIR/config/scaler.cfg" ||
    fail "config/scaler.cfg is stale: run cmake --build BUILD --target sample"
"$s" check "$dir/sample" >"$dir/out" || fail "check of the sample: $(cat "$dir/out")"
sed '/^##/d; s/^#//' "$dir/sample" >"$dir/all"
"$s" check "$dir/all" >"$dir/out"
if grep -E "unknown option|syntax|not a|too small|too large|too short|too long|not one of" "$dir/out"; then
    fail "a setting of the sample is not accepted"
fi

# Examples load as they are printed.
mkdir "$dir/examples" && cp -r "$SCALER_SOURCE_DIR"/config/examples/. "$dir/examples" &&
    chmod -R go-w "$dir/examples"
for f in "$dir"/examples/*.cfg "$dir"/examples/backends/*.cfg; do
    "$s" check "$f" >"$dir/out" || fail "check $f: $(cat "$dir/out")"
    if grep -q "^warning" "$dir/out"; then
        fail "check $f: $(cat "$dir/out")"
    fi
done

if command -v bash >/dev/null 2>&1; then
    "$s" man --page completion >"$dir/completion" || fail "man --page completion"
    words=$(bash -uc '. "$0"; COMP_WORDS=(scaler check --con); COMP_CWORD=2; _scaler
        echo "${COMPREPLY[@]}"; COMP_WORDS=(scaler man --page sa); COMP_CWORD=3; _scaler
        echo "${COMPREPLY[@]}"; COMP_WORDS=(scaler che); COMP_CWORD=1; _scaler
        echo "${COMPREPLY[@]}"' "$dir/completion" 2>&1)
    [ "$words" = "--connect --config
sample
check" ] || fail "completion: $words"
fi
exit $failed
