#!/bin/sh
# Jobs of Flink over the same topics, each in a process pinned to one core; prints one table with ratios.
#   bench/flink/run.sh [JOB...]
#     discard      Flink's Kafka source and decoding alone: SQL into a sink that discards
#     community    SQL into Apache Iceberg's sink
#     sql          SQL into icesink's connector, with half the heap
#   all of them by default. RECORDS (20000000) is the size of the flat topic.
# Needs a release build, what `make test` installs, the network for the first run, and about 8 GB below TMPDIR.
set -euf
cd "$(dirname "$0")/../.."
here=bench/flink
python=$PWD/.cache/venv/bin/python
records=${RECORDS:-20000000}
[ $# -gt 0 ] || set -- discard community sql
pin=$(command -v taskset >/dev/null 2>&1 && echo "taskset -c 0" || true)
work=$(mktemp -d "${TMPDIR:-/tmp}/icesink-flink-XXXXXX")
stop() {
    tools/services/kafka.sh stop "$work/broker" || true
    tools/services/registry.sh stop "$work/registry" || true
    rm -rf "$work"
}
trap stop EXIT

flink=$(bench/peers/install.sh flink)
bindings/flink/make_jars.sh "$work/jar" 2.1
broker=$(tools/services/kafka.sh start "$work/broker")
registry=$(tools/services/registry.sh start "$work/registry")
$python bench/load_topic.py "$broker" "$registry" avro flat-avro "$records" "$work" >&2

opens=
for package in lang lang.reflect net io nio text time util util.concurrent util.concurrent.atomic util.concurrent.locks; do
    opens="$opens --add-opens=java.base/java.$package=ALL-UNNAMED"
done
fields="sensor STRING NOT NULL, site STRING NOT NULL, seq BIGINT NOT NULL"
values="temperature DOUBLE NOT NULL, humidity DOUBLE NOT NULL, pressure DOUBLE NOT NULL, status STRING NOT NULL, note STRING"

# Each names its heap and writes $out/sink.sql: a table `sink`.
prepare_discard() {
    heap=1g
    echo "CREATE TABLE sink ($fields, \`at\` TIMESTAMP_LTZ(3) NOT NULL, $values) WITH ('connector' = 'blackhole');"
}
prepare_community() {
    heap=1g
    cat <<END
CREATE CATALOG peers WITH ('type' = 'iceberg', 'catalog-impl' = 'org.apache.iceberg.jdbc.JdbcCatalog',
    'uri' = 'jdbc:sqlite:$out/catalog.db', 'warehouse' = 'file://$out/warehouse');
END
}
prepare_sql() {
    heap=512m
    cat <<END
CREATE TABLE sink ($fields, \`at\` TIMESTAMP_LTZ(6) NOT NULL, $values) WITH ('connector' = 'icesink', 'table' = 'peers.readings',
    'catalog.name' = 'peers', 'catalog.uri' = '$out/catalog.db', 'catalog.warehouse' = '$out/warehouse');
END
}

measure() { # measure JOB
    out=$work/out
    rm -rf "$out"
    mkdir "$out"
    $python bench/peers/measure.py create "$out/catalog.db" "$out/warehouse" peers.readings
    sink=sink
    [ "$1" = community ] && sink=peers.peers.readings
    cat >"$out/config.yaml" <<END
execution: {target: local, checkpointing: {interval: 5s}}
parallelism: {default: 1}
table: {dml-sync: true, local-time-zone: UTC}
restart-strategy: {type: none}
END
    {
        echo "CREATE TABLE topic ($fields, \`at\` STRING NOT NULL, $values)
            WITH ('connector' = 'kafka', 'topic' = 'flat-avro', 'properties.bootstrap.servers' = '$broker',
            'properties.group.id' = 'bench-$1', 'scan.startup.mode' = 'earliest-offset',
            'format' = 'avro-confluent', 'avro-confluent.url' = '$registry');"
        "prepare_$1"
        echo "INSERT INTO $sink SELECT sensor, site, seq,
            CAST(TO_TIMESTAMP(\`at\`, 'yyyy-MM-dd''T''HH:mm:ss.SSSX') AS TIMESTAMP_LTZ(3)),
            temperature, humidity, pressure, status, note FROM topic;"
    } >"$out/job.sql"
    bench/peers/java_log.sh "$out/log4j2.properties" warn
    echo "$1" >&2
    # shellcheck disable=SC2086
    $python $here/measure.py run "$work/results" "$1" flat-avro "bench-$1" "$broker" $pin env FLINK_CONF_DIR="$out" \
        java -Xmx$heap $opens -Dlog4j2.configurationFile="$out/log4j2.properties" \
        -cp "$flink/*:$(find "$work/jar" -name '*.jar')" \
        org.apache.flink.table.client.SqlClient embedded -f "$out/job.sql" >"$out/log" 2>&1 ||
        { tail -n 60 "$out/log" >&2; exit 1; }
}
for job in "$@"; do
    measure "$job"
done
$python $here/measure.py print "$work/results" community
