#!/bin/sh
# A Kafka broker (KRaft, one process) for the end-to-end tests.
#   kafka.sh install        the broker's jars into .cache/kafka, as kafka.pom.xml pins them
#   kafka.sh start DIR      start a broker that keeps everything in DIR, on free ports of the loopback; print host:port.
#                           A DIR with a stopped broker's files is started again on the same port.
#   kafka.sh stop DIR       end it
#   kafka.sh kill DIR       end it as a crash would
set -eu
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
jars=$cache/kafka/$(sha256sum "$here/kafka.pom.xml" | cut -c1-16)

install() {
    [ -d "$jars" ] && return 0
    echo "icesink: installing the Kafka broker into .cache/kafka" >&2
    mkdir -p "$cache/kafka"
    part=$(mktemp -d "$cache/kafka/part-XXXXXX")
    mvn -q -B -f "$here/kafka.pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$part" >"$part/maven.log" 2>&1 || { tail -n 30 "$part/maven.log" >&2; exit 1; }
    mv -T "$part" "$jars" 2>/dev/null || rm -rf "$part"
}

configure() {
    port=$(free_port)
    controller=$(free_port)
    cat >"$1/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$1/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
END
    echo "127.0.0.1:$port" >"$1/address"
    id=$(java -cp "$jars/*" kafka.tools.StorageTool random-uuid 2>/dev/null | tail -n 1)
    java -cp "$jars/*" kafka.tools.StorageTool format --standalone -t "$id" -c "$1/server.properties" \
        >"$1/format.log" 2>&1 || { cat "$1/format.log" >&2; exit 1; }
}

start() {
    install
    mkdir -p "$1"
    [ -e "$1/server.properties" ] || configure "$1"
    cat >"$1/log4j2.properties" <<END
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
END
    nohup java -Xmx512m -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$1/log4j2.properties" -cp "$jars/*" \
        kafka.Kafka "$1/server.properties" >>"$1/log" 2>&1 </dev/null &
    echo $! >"$1/pid"
    address=$(cat "$1/address")
    wait_for_port "${address#*:}" "$1"
    echo "$address"
}

case ${1:-} in
    install) install ;;
    start) start "$(realpath -m "$2")" ;;
    stop) stop_process "$2" ;;
    kill) kill -9 "$(cat "$2/pid")" && rm -f "$2/pid" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
