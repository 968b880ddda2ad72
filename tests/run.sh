#!/bin/sh
# tests/run.sh - installs what the tests need, builds with sanitizers, runs every test.
#
#   tests/run.sh              gcc, ASan and UBSan, warnings as errors: unit, integration, sim,
#                             fuzz corpora, include lint
#   tests/run.sh --extended   the same, then TSan, clang, clang-tidy, cppcheck and the long runs
#
# Exit code: 0 when everything passed.
set -eu
cd "$(dirname "$0")/.."

extended=no
case "${1:-}" in
"") ;;
--extended) extended=yes ;;
*)
    echo "usage: tests/run.sh [--extended]" >&2
    exit 2
    ;;
esac

jobs=$(nproc)
suite() { # NAME CACHE CTEST_ARGS...
    name=$1
    cache=$2
    shift 2
    echo "== $name: configure and build"
    cmake -S . -B "build/$name" -C "tests/cmake/$cache.cmake" >"build/$name.log" 2>&1 ||
        { cat "build/$name.log"; exit 1; }
    cmake --build "build/$name" -j "$jobs" >>"build/$name.log" 2>&1 ||
        { tail -60 "build/$name.log"; exit 1; }
    echo "== $name: tests"
    ctest --test-dir "build/$name" --output-on-failure -j "$jobs" "$@"
}

mkdir -p build
if [ "$extended" = yes ]; then
    config/packages.sh extended
else
    config/packages.sh test
fi

suite asan asan -LE extended
if [ "$extended" = yes ]; then
    suite tsan tsan -L "unit|thread"
    suite clang clang -L "unit"
    suite release release -L "extended"
    echo "== lint: clang-tidy and cppcheck"
    cmake --build build/clang --target lint
fi
