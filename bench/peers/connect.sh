#!/bin/sh
# Configures Kafka Connect's worker with Apache Iceberg's sink in a directory; prints the command that runs it.
#   bench/peers/connect.sh DIRECTORY BROKER TOPIC TABLE INTERVAL_MS LOG_LEVEL CONVERTER [CONVERTER-SETTING...]
# DIRECTORY/catalog.db has the table. The sink's control topic is control-TOPIC; it has to be there.
set -euf
out=$1 broker=$2 topic=$3 table=$4 interval=$5 level=$6 converter=$7
shift 7
jars=$("$(dirname "$0")/install.sh" connect)
cat >"$out/worker.properties" <<END
bootstrap.servers=$broker
listeners=http://127.0.0.1:0
offset.storage.file.filename=$out/offsets
offset.flush.interval.ms=1000
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=$converter
END
for setting in "$@"; do
    echo "value.converter.$setting" >>"$out/worker.properties"
done
cat >"$out/sink.properties" <<END
name=$topic
connector.class=org.apache.iceberg.connect.IcebergSinkConnector
tasks.max=1
topics=$topic
consumer.override.auto.offset.reset=earliest
iceberg.tables=$table
iceberg.catalog=peers
iceberg.catalog.catalog-impl=org.apache.iceberg.jdbc.JdbcCatalog
iceberg.catalog.uri=jdbc:sqlite:$out/catalog.db
iceberg.catalog.warehouse=file://$out/warehouse
iceberg.control.topic=control-$topic
iceberg.control.commit.interval-ms=$interval
END
"$(dirname "$0")/java_log.sh" "$out/log4j2.properties" "$level"
echo "java -Xms256m -Xmx2g -Dlog4j2.configurationFile=$out/log4j2.properties -cp $jars/* \
org.apache.kafka.connect.cli.ConnectStandalone $out/worker.properties $out/sink.properties"
