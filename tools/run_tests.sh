#!/bin/sh
# Builds and runs all tests: sanitizers first, the main suite last, so that ctest's closing line ends the output.
# ICESINK_TEST_ALL=1 runs the whole numbers that docs/testing.md states.
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)
ccache=$(command -v ccache >/dev/null 2>&1 && echo -DCMAKE_C_COMPILER_LAUNCHER=ccache || true)

build() {
    # shellcheck disable=SC2086
    cmake --preset "$1" $ccache >/dev/null
    ninja -C "build/$1" -j "$jobs" --quiet
}

build asan
ctest --test-dir build/asan -j "$jobs" --output-on-failure -L 'unit|sanitize'
build tsan
ctest --test-dir build/tsan -j 1 --output-on-failure -L sanitize
build release
build dev
ctest --test-dir build/dev -j "$jobs" --output-on-failure
