#!/bin/sh
# Whole runs from a real broker and registry on this machine: work per CPU-second of the sink's process, pinned to one core and
# not, and the times from its start to the first commit.
#   bench/broker.sh      needs what `make test` installs, and about 2 GB below TMPDIR
set -eu
cd "$(dirname "$0")/.."
. bench/common.sh
program=$PWD/build/release/bin/icesink
python=.cache/venv/bin/python
work=$(mktemp -d "${TMPDIR:-/tmp}/icesink-broker-XXXXXX")
stop() {
    tools/services/kafka.sh stop "$work/broker" || true
    tools/services/registry.sh stop "$work/registry" || true
    rm -rf "$work"
}
trap stop EXIT
broker=$(tools/services/kafka.sh start "$work/broker")
registry=$(tools/services/registry.sh start "$work/registry")

configure() { # configure TOPIC DECODE PIPELINE INTERVAL MORE
    rm -rf "$work/out"
    mkdir "$work/out"
    cat >"$work/out/bench.yaml" <<END
name: bench
source:
  kafka: {brokers: "$broker", topics: [$1], group: bench$5}
  decode: {$2}
pipeline: $3
tables: {data: b.data, dead_letters: b.errors, create: true}
catalog: {uri: "$work/out/catalog.db", warehouse: "$work/out/warehouse"}
commit: {interval: $4}
http: "off"
END
}
measure() { # measure TITLE COMMAND-PREFIX
    run_to_end "$work/out" "$2"
    awk -v title="$1" -v elements="$(value "$work/out" elements)" -v cpu="$(value "$work/out" cpu_seconds)" \
        -v wall="$(value "$work/out" seconds)" -v memory="$(value "$work/out" peak_resident_bytes)" \
        'BEGIN { printf "| %-34s | %8d | %6.0f k | %6.0f k | %5.0f MiB |\n", title, elements, elements / cpu / 1000, elements / wall / 1000, memory / 1048576 }'
}
both() { # both TITLE TOPIC DECODE PIPELINE: three runs pinned, one not
    for i in 1 2 3; do
        configure "$2" "$3" "$4" 10s ""
        measure "$1, pinned, run $i" "taskset -c 0"
    done
    configure "$2" "$3" "$4" 10s ""
    measure "$1, not pinned" ""
}
millis() { date +%s%3N; }
first_commit() { # first_commit TITLE: milliseconds from the program's start to its first commit with records
    : >"$work/out/log"
    started=$(millis)
    "$program" run "$work/out/bench.yaml" >/dev/null 2>"$work/out/log" &
    pid=$!
    while ! grep -q "Epoch committed.* records=[1-9]" "$work/out/log"; do sleep 0.01; done
    at=$(grep -m1 "Epoch committed.* records=[1-9]" "$work/out/log" | cut -d' ' -f1)
    echo "| $1 | $(($(date -d "$at" +%s%3N) - started)) ms |"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
}

"$program" gen --directory "$work/segments" --partitions 6 --messages 400000 >/dev/null
$python bench/load_topic.py "$broker" "$registry" health health 0 "$work/segments"
$python bench/load_topic.py "$broker" "$registry" avro flat-avro 2000000 "$work"
$python bench/load_topic.py "$broker" "$registry" json flat-json 2000000 "$work"
echo
echo "| run                                |  elements | per CPU-s | per second |   peak   |"
echo "|---|---|---|---|---|"
both "health messages (samples)" health "registry: \"$registry\"" "{preset: health}"
both "flat Avro" flat-avro "registry: \"$registry\"" "$readings_pipeline"
both "flat JSON" flat-json "format: json" "$readings_pipeline"
echo
echo "| from the start of the program to its first commit (interval 1 ms) | |"
echo "|---|---|"
configure flat-json "format: json" "$readings_pipeline" 1ms ""
first_commit "new tables, assigned"
first_commit "after kill -9, assigned"
configure flat-json "format: json" "$readings_pipeline" 1ms ", assignment: group, properties: {group.instance.id: one}"
first_commit "new tables, static member"
first_commit "after kill -9, static member"
