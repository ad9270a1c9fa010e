#!/bin/sh
# Prints a table of whole runs: samples per CPU-second and peak resident memory of the sink, pinned to one core.
#   bench/run.sh          everything (needs about 6 GB below TMPDIR)
#   bench/run.sh speed    the embedded run alone
# The topic is generated before, so the generator's CPU is not in the figures.
set -eu
cd "$(dirname "$0")/.."
program=$PWD/build/release/bin/icesink
work=$(mktemp -d "${TMPDIR:-/tmp}/icesink-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
pin=$(command -v taskset >/dev/null 2>&1 && echo "taskset -c 0" || true)

topic() { # topic NAME PARTITIONS MESSAGES
    "$program" gen --directory "$work/$1" --partitions "$2" --messages "$3" >/dev/null
}
pipeline() { # pipeline PARTITION: the health preset with another partitioning
    "$program" config show health | sed "s/^partition: .*/partition: [$1]/; s/^/  /"
}
run() { # run TITLE TOPIC PARTITION INTERVAL MEMORY COMPRESSION
    rm -rf "$work/out"
    mkdir "$work/out"
    {
        echo "name: bench"
        echo "source: {segment: {directory: \"$work/$2\", topic: health-data-raw}, decode: {registry: \"file:$work/$2/schemas\"}}"
        echo "pipeline:"
        pipeline "$3"
        echo "tables: {data: b.data, dead_letters: b.errors, create: true}"
        echo "catalog: {uri: \"$work/out/catalog.db\", warehouse: \"$work/out/warehouse\"}"
        echo "commit: {interval: $4}"
        echo "memory: $5"
        echo "write: {compression: $6, spill_directory: \"$work/out\"}"
        echo "http: \"off\""
    } >"$work/out/bench.yaml"
    # shellcheck disable=SC2086
    $pin "$program" run "$work/out/bench.yaml" --until-end --json >"$work/out/summary.json" 2>"$work/out/log" ||
        { cat "$work/out/log" >&2; exit 1; }
    value() { grep -o "\"$1\":[0-9.]*" "$work/out/summary.json" | cut -d: -f2; }
    awk -v title="$1" -v elements="$(value elements)" -v cpu="$(value cpu_seconds)" \
        -v memory="$(value peak_resident_bytes)" -v files="$(value data_files)" \
        'BEGIN { printf "| %-46s | %10d | %8.0f k | %6.0f MiB | %6d |\n", title, elements, elements / cpu / 1000, memory / 1048576, files }'
}

preset='"days(start_date)", data_type'
printf '| %-46s | %10s | %10s | %10s | %6s |\n' run samples "per CPU-s" "peak" files
echo "|---|---|---|---|---|"
topic six 6 400000
for repeat in 1 2 3; do run "embedded job, Snappy, run $repeat" six "$preset" 1s 128MB snappy; done
run "the same, zstd" six "$preset" 1s 128MB zstd
run "the same, uncompressed" six "$preset" 1s 128MB none
[ "${1:-all}" = speed ] && exit 0
run "memory: 32MB" six "$preset" 1s 32MB snappy
run "1,000 partition values" six '"bucket(1000, sample_id)"' 60s 128MB snappy
run "1,000 partition values, memory: 32MB" six '"bucket(1000, sample_id)"' 60s 32MB snappy
topic one 1 200000
run "1 topic partition" one "$preset" 1s 128MB snappy
topic many 96 200000
run "96 topic partitions" many "$preset" 1s 128MB snappy
topic large 6 2700000
run "2 GB between two commits" large "$preset" 1h 128MB snappy
run "2 GB between two commits, memory: 32MB" large "$preset" 1h 32MB snappy
