#!/bin/sh
# tests/run.sh - installs what the tests need, builds with sanitizers, runs every test.
#
#   tests/run.sh              gcc, ASan and UBSan, warnings as errors: unit, integration, sim,
#                             fuzz corpora, include lint
#   tests/run.sh --extended   the same, then TSan, clang, cppcheck, clang-tidy, 20 s of
#                             libFuzzer a parser, and the long runs
#   tests/run.sh --ci         the extended without libFuzzer: its search may find something that a
#                             change is not to blame for
#   tests/run.sh --retry      a test that fails runs a second time, and both runs are shown: for
#                             machines that others load meanwhile
#
# Exit code: 0 when everything passed.
set -eu
cd "$(dirname "$0")/.."

extended=no repeat=""
for option; do
    case "$option" in
    --extended) extended=yes ;;
    --ci) extended=short ;;
    --retry) repeat="--repeat until-pass:2" ;;
    *)
        echo "usage: tests/run.sh [--extended | --ci] [--retry]" >&2
        exit 2
        ;;
    esac
done

jobs=$(nproc)
began=$(date +%s)
step() {
    echo "== $* ($(($(date +%s) - began)) s)"
}
suite() { # NAME TARGET CTEST_ARGS...: tests/cmake/NAME.cmake is its set-up
    name=$1
    target=$2
    shift 2
    step "$name: configure and build"
    cmake -S . -B "build/$name" -C "tests/cmake/$name.cmake" >"build/$name.log" 2>&1 ||
        { cat "build/$name.log"; exit 1; }
    cmake --build "build/$name" -j "$jobs" --target "$target" >>"build/$name.log" 2>&1 ||
        { tail -60 "build/$name.log"; exit 1; }
    step "$name: tests"
    ctest --test-dir "build/$name" --output-on-failure -j "$jobs" $repeat "$@"
}

# A short run of libFuzzer; what it finds is left in build/fuzz for a new file of the corpus.
fuzz() { # NAME
    step "fuzz: $1"
    mkdir -p "build/fuzz/new/$1"
    "build/fuzz/tests/fuzz_$1" -max_total_time=20 -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="build/fuzz/found-$1-" "build/fuzz/new/$1" "tests/fuzz/corpus/$1" \
        >"build/fuzz/$1.log" 2>&1 || { tail -40 "build/fuzz/$1.log"; exit 1; }
}

mkdir -p build
if [ "$extended" != no ]; then
    config/packages.sh extended
else
    config/packages.sh test
fi

suite asan all -LE extended
if [ "$extended" != no ]; then
    suite tsan tests_thread -L thread
    suite clang tests_unit -L unit
    step "lint: cppcheck and clang-tidy"
    cmake --build build/clang --target lint >build/lint.log 2>&1 || { cat build/lint.log; exit 1; }
    suite release tests_extended -L extended
fi
if [ "$extended" = yes ]; then
    suite fuzz tests_fuzz -L fuzz
    for corpus in tests/fuzz/corpus/*/; do
        fuzz "$(basename "$corpus")"
    done
fi
step "all passed in $(($(date +%s) - began)) s"
