#!/bin/sh
# The same topics through icesink and through other sinks, each pinned to one core; prints one table with ratios.
#   bench/peers/run.sh [SINK...]   of python, connect, flink; all of them by default
# RECORDS (2000000) is the size of a topic, FORMATS ("json avro") is what the topics hold.
# Needs a release build, what `make test` installs, the network for the first run, and about 3 GB below TMPDIR.
set -euf
cd "$(dirname "$0")/../.."
here=bench/peers
. bench/common.sh
program=$PWD/build/release/bin/icesink
python=$PWD/.cache/venv/bin/python
records=${RECORDS:-2000000}
formats=${FORMATS:-json avro}
[ $# -gt 0 ] || set -- python connect flink
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
for format in $formats; do
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
pipeline: $readings_pipeline
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
prepare_connect() {
    case $2 in
        json) set -- "$1" org.apache.kafka.connect.json.JsonConverter schemas.enable=false ;;
        avro) set -- "$1" io.apicurio.registry.utils.converter.AvroConverter apicurio.registry.as-confluent=true \
            apicurio.registry.url="${registry%/ccompat/v7}/registry/v2" apicurio.registry.use-id=contentId ;;
    esac
    topic=$1
    shift
    $python -c 'import sys; from confluent_kafka.admin import AdminClient, NewTopic
admin = AdminClient({"bootstrap.servers": sys.argv[1]})
admin.create_topics([NewTopic(sys.argv[2], 1, 1)])[sys.argv[2]].result(30)' \
        "$broker" "control-$topic"
    command=$($here/connect.sh "$out" "$broker" "$topic" peers.readings 10000 warn "$@")
}
prepare_flink() {
    case $2 in
        json) decode="'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601'" type="TIMESTAMP_LTZ(3)" at='`at`' ;;
        avro) decode="'format' = 'avro-confluent', 'avro-confluent.url' = '$registry'" type=STRING
            at="CAST(TO_TIMESTAMP(\`at\`, 'yyyy-MM-dd''T''HH:mm:ss.SSSX') AS TIMESTAMP_LTZ(3))" ;;
    esac
    opens=
    for package in lang lang.reflect net io nio text time util util.concurrent util.concurrent.atomic util.concurrent.locks; do
        opens="$opens --add-opens=java.base/java.$package=ALL-UNNAMED"
    done
    cat >"$out/config.yaml" <<END
execution: {target: local, checkpointing: {interval: 10s}}
parallelism: {default: 1}
table: {dml-sync: true, local-time-zone: UTC}
restart-strategy: {type: none}
END
    cat >"$out/job.sql" <<END
CREATE CATALOG peers WITH ('type' = 'iceberg', 'catalog-impl' = 'org.apache.iceberg.jdbc.JdbcCatalog',
    'uri' = 'jdbc:sqlite:$out/catalog.db', 'warehouse' = 'file://$out/warehouse');
CREATE TABLE topic (sensor STRING NOT NULL, site STRING NOT NULL, seq BIGINT NOT NULL, \`at\` $type NOT NULL,
    temperature DOUBLE NOT NULL, humidity DOUBLE NOT NULL, pressure DOUBLE NOT NULL, status STRING NOT NULL, note STRING)
    WITH ('connector' = 'kafka', 'topic' = '$1', 'properties.bootstrap.servers' = '$broker',
    'properties.group.id' = 'flink-$1', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', $decode);
INSERT INTO peers.peers.readings SELECT sensor, site, seq, $at, temperature, humidity, pressure, status, note FROM topic;
END
    $here/java_log.sh "$out/log4j2.properties" warn
    command="env FLINK_CONF_DIR=$out java -Xmx1g $opens -Dlog4j2.configurationFile=$out/log4j2.properties -cp $flink/*
        org.apache.flink.table.client.SqlClient embedded -f $out/job.sql"
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
for sink in "$@"; do
    case $sink in
        connect) $here/install.sh connect >/dev/null ;;
        flink) flink=$($here/install.sh flink) ;;
    esac
done
for format in $formats; do
    for sink in icesink "$@"; do
        measure "$sink" start-flat-$format $format 6
        measure "$sink" flat-$format $format "$records"
    done
done
$python $here/measure.py print "$work/results"
