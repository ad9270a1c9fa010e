#!/bin/sh
# run.sh SECONDS [TARGET …]: hunts with every libFuzzer target of build/fuzz for so many seconds each, starting from its corpus. New
# inputs go to build/fuzz/found/<target>; a crash stops the run and leaves its input there.
set -eu
seconds=${1:-60}
[ $# -gt 0 ] && shift
cd "$(dirname "$0")/.."
build=build/fuzz
[ $# -gt 0 ] || set -- $(sed -n 's/^ice_add_fuzzer(\(.*\))$/\1/p' fuzz/CMakeLists.txt)
for target in "$@"; do
    found=$build/found/$target
    mkdir -p "$found"
    echo "== $target, $seconds s"
    "$build/fuzz/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -artifact_prefix="$found/" \
        -verbosity=0 -print_final_stats=1 "$found" "fuzz/corpus/$target" 2>&1 | grep -E '^stat::number_of_exec|ERROR|SUMMARY' || true
    if ls "$found"/crash-* "$found"/timeout-* "$found"/oom-* >/dev/null 2>&1; then
        echo "$target: see $found" >&2
        exit 1
    fi
done
