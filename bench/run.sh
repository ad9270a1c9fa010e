#!/bin/sh
# Prints a table of whole runs: samples per CPU-second and peak resident memory of the sink, pinned to one core.
#   bench/run.sh          everything (needs about 6 GB below TMPDIR)
#   bench/run.sh speed    the embedded run alone
# The topic is generated before, so the generator's CPU is not in the figures.
set -eu
cd "$(dirname "$0")/.."
. bench/common.sh
program=$PWD/build/release/bin/icesink
work=$(mktemp -d "${TMPDIR:-/tmp}/icesink-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
pin=$(command -v taskset >/dev/null 2>&1 && echo "taskset -c 0" || true)

topic() { # topic NAME PARTITIONS MESSAGES [FORMAT]
    "$program" gen --directory "$work/$1" --partitions "$2" --messages "$3" --format "${4:-avro}" >/dev/null
}
pipeline() { # pipeline PARTITION: the health preset with another partitioning
    "$program" config show health | sed "s/^partition: .*/partition: [$1]/; s/^/  /"
}
run() { # run TITLE TOPIC PARTITION INTERVAL MEMORY COMPRESSION [FORMAT]
    rm -rf "$work/out"
    mkdir "$work/out"
    {
        echo "name: bench"
        echo "source: {segment: {directory: \"$work/$2\", topic: health-data-raw}, decode: {format: ${7:-avro}, registry: \"file:$work/$2/schemas\"}}"
        echo "pipeline:"
        pipeline "$3"
        echo "tables: {data: b.data, dead_letters: b.errors, create: true}"
        echo "catalog: {uri: \"$work/out/catalog.db\", warehouse: \"$work/out/warehouse\"}"
        echo "commit: {interval: $4}"
        echo "memory: $5"
        echo "write: {compression: $6, spill_directory: \"$work/out\"}"
        echo "http: \"off\""
    } >"$work/out/bench.yaml"
    measure "$1"
}
measure() { # measure TITLE: run what stands in out/bench.yaml
    run_to_end "$work/out" "$pin"
    awk -v title="$1" -v elements="$(value "$work/out" elements)" -v cpu="$(value "$work/out" cpu_seconds)" \
        -v memory="$(value "$work/out" peak_resident_bytes)" -v files="$(value "$work/out" data_files)" \
        'BEGIN { printf "| %-46s | %10d | %8.0f k | %6.0f MiB | %6d |\n", title, elements, elements / cpu / 1000, memory / 1048576, files }'
}

flat() { # flat TITLE COMPRESSION: readings of nine fields, 164 bytes each, as plain JSON
    rm -rf "$work/out"
    mkdir "$work/out"
    cat >"$work/out/bench.yaml" <<END
name: bench
source: {segment: {directory: "$work/flat", topic: readings}, decode: {format: json}}
pipeline:
  columns:
    sensor:      {path: sensor, type: string, required: true}
    site:        {path: site, type: string, required: true}
    seq:         {path: seq, type: long, required: true}
    at:          {path: at, type: timestamp, required: true}
    temperature: {path: temperature, type: double, required: true}
    humidity:    {path: humidity, type: double, required: true}
    pressure:    {path: pressure, type: double, required: true}
    battery:     {path: battery, type: int}
    ok:          {path: ok, type: boolean}
    processing_time: {value: processing_time, type: timestamp, required: true}
  partition: [days(at)]
  validate: [{rule: between, column: humidity, min: 0, max: 100}]
tables: {data: b.data, dead_letters: b.errors, create: true}
catalog: {uri: "$work/out/catalog.db", warehouse: "$work/out/warehouse"}
commit: {interval: 1s}
write: {compression: $2}
http: "off"
END
    measure "$1"
}
readings() { # readings COUNT: lines of JSON
    awk -v n="$1" 'BEGIN {
        srand(1)
        for (i = 0; i < n; i++)
            printf "{\"sensor\":\"s-%05d\",\"site\":\"hall-%d\",\"seq\":%d,\"at\":\"2025-06-0%dT%02d:%02d:%02d.%03dZ\",\"temperature\":%.2f,\"humidity\":%.1f,\"pressure\":%.2f,\"battery\":%d,\"ok\":%s}\n",
                rand() * 5000, i % 40, 1000000000 + i, 1 + int(i * 3 / n), i / 3600 % 24, i / 60 % 60, i % 60, i % 1000,
                15 + rand() * 20, rand() * 100, 980 + rand() * 60, rand() * 100, rand() < 0.9 ? "true" : "false"
    }' >"$work/readings.ndjson"
    "$program" gen --directory "$work/flat" --topic readings --lines "$work/readings.ndjson" >/dev/null
    rm "$work/readings.ndjson"
}

preset='"days(start_date)", data_type'
printf '| %-46s | %10s | %10s | %10s | %6s |\n' run samples "per CPU-s" "peak" files
echo "|---|---|---|---|---|"
topic six 6 400000
for repeat in 1 2 3; do run "embedded job, Snappy, run $repeat" six "$preset" 1s 128MB snappy; done
run "the same, zstd" six "$preset" 1s 128MB zstd
run "the same, uncompressed" six "$preset" 1s 128MB none
topic text 6 400000 json
run "the same messages as JSON, Snappy" text "$preset" 1s 128MB snappy json
readings 2000000
for repeat in 1 2 3; do flat "flat JSON of 164 bytes, Snappy, run $repeat" snappy; done
flat "the same, zstd" zstd
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
