#!/bin/sh
# The same topics through icesink and through other sinks, each pinned to one core; prints one table with ratios.
#   bench/peers/run.sh [SINK...]   of python, connect, flink; all of them by default. RECORDS (2000000) is the size of a topic.
# Needs a release build, what `make test` installs, the network for the first run, and about 3 GB below TMPDIR.
set -eu
cd "$(dirname "$0")/../.."
here=bench/peers
program=$PWD/build/release/bin/icesink
python=$PWD/.cache/venv/bin/python
records=${RECORDS:-2000000}
[ $# -gt 0 ] || set -- python
pin=$(command -v taskset >/dev/null 2>&1 && echo "taskset -c 0" || true)
work=$(mktemp -d "${TMPDIR:-/tmp}/icesink-peers-XXXXXX")
stop() {
    tools/services/kafka.sh stop "$work/broker" || true
    tools/services/registry.sh stop "$work/registry" || true
    rm -rf "$work"
}
trap stop EXIT

broker=$(tools/services/kafka.sh start "$work/broker")
registry=$(tools/services/registry.sh start "$work/registry")
for format in json avro; do
    $python bench/load_topic.py "$broker" "$registry" $format flat-$format "$records" "$work" >&2
    $python bench/load_topic.py "$broker" "$registry" $format start-flat-$format 6 "$work" >&2
done

# Each writes what its sink needs for topic $1 of format $2 with $3 records below $out, and sets `command`.
prepare_icesink() {
    case $2 in
        json) decode="format: json" ;;
        avro) decode="registry: \"$registry\"" ;;
    esac
    cat >"$out/icesink.yaml" <<END
name: peers
source:
  kafka: {brokers: "$broker", topics: [$1], group: icesink-$1}
  decode: {$decode}
pipeline:
  columns:
    sensor:      {path: sensor, type: string, required: true}
    site:        {path: site, type: string, required: true}
    seq:         {path: seq, type: long, required: true}
    at:          {path: at, type: timestamp, required: true}
    temperature: {path: temperature, type: double, required: true}
    humidity:    {path: humidity, type: double, required: true}
    pressure:    {path: pressure, type: double, required: true}
    status:      {path: status, type: string, required: true}
    note:        {path: note, type: string}
  partition: [days(at)]
tables: {data: peers.readings, dead_letters: peers.errors, create: true}
catalog: {name: peers, uri: "$out/catalog.db", warehouse: "$out/warehouse"}
commit: {interval: 10s}
write: {compression: snappy}
http: "off"
END
    command="$program run $out/icesink.yaml --until-end"
}
prepare_python() {
    command="$python $here/python_sink.py $broker $1 $2 $3 $out/catalog.db peers.readings"
}

measure() { # measure SINK TOPIC FORMAT RECORDS
    out=$work/out
    rm -rf "$out"
    mkdir "$out"
    $python $here/measure.py create "$out/catalog.db" "$out/warehouse" peers.readings
    "prepare_$1" "$2" "$3" "$4"
    echo "$1: $2, $4 records" >&2
    # shellcheck disable=SC2086
    $python $here/measure.py run "$work/results" "$1" "$2" "$4" "$out/catalog.db" peers.readings $pin $command >"$out/log" 2>&1 ||
        { tail -n 60 "$out/log" >&2; exit 1; }
}
for format in json avro; do
    for sink in icesink "$@"; do
        measure "$sink" start-flat-$format $format 6
        measure "$sink" flat-$format $format "$records"
    done
done
$python $here/measure.py print "$work/results"
