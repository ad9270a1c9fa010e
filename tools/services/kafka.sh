#!/bin/sh
# A Kafka broker (KRaft, one process) for the end-to-end tests.
#   kafka.sh install        the broker's jars into .cache/kafka, as kafka.pom.xml pins them; print their folder
#   kafka.sh start DIR      start a broker that keeps everything in DIR, on free ports of the loopback; print host:port.
#                           A DIR with a stopped broker's files is started again on the same port.
#   kafka.sh start DIR secure   the same with further listeners: DIR/addresses has name and host:port of each. SSL wants a
#                           client's certificate; SASL takes PLAIN and SCRAM of alice, password grey-parrot; OAUTH takes
#                           unsecured tokens. DIR/ca.pem, client.pem, client.key are the certificates.
#   kafka.sh start DIR proxied  the same with a listener BEHIND whose advertised port is another than its own: DIR/addresses
#                           has both, BEHIND (listens) and FRONT (advertised), for a proxy of the test's to join
#   kafka.sh stop DIR       end it
#   kafka.sh kill DIR       end it as a crash would
# KAFKA_VERSION chooses another version than the pinned one.
set -eu
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
version=${KAFKA_VERSION:+-Dkafka.version=$KAFKA_VERSION}
jars=$cache/kafka/$(sha256sum "$here/kafka.pom.xml" | cut -c1-16)${KAFKA_VERSION:+-$KAFKA_VERSION}

install() {
    [ -d "$jars" ] && return 0
    echo "icesink: installing the Kafka broker into .cache/kafka" >&2
    mkdir -p "$cache/kafka"
    part=$(mktemp -d "$cache/kafka/part-XXXXXX")
    mvn -q -B -f "$here/kafka.pom.xml" $version org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
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
group.min.session.timeout.ms=1000
log.retention.check.interval.ms=1000
log.cleaner.backoff.ms=200
message.max.bytes=16777216
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
END
    echo "127.0.0.1:$port" >"$1/address"
    scram=
    if [ "${2:-}" = secure ]; then secure "$1"; fi
    if [ "${2:-}" = proxied ]; then proxied "$1"; fi
    id=$(java -cp "$jars/*" kafka.tools.StorageTool random-uuid 2>/dev/null | tail -n 1)
    java -cp "$jars/*" kafka.tools.StorageTool format --standalone -t "$id" -c "$1/server.properties" $scram \
        >"$1/format.log" 2>&1 || { cat "$1/format.log" >&2; exit 1; }
}

# sign DIR NAME SUBJECT EXTENSION: DIR/NAME.pem and DIR/NAME.key, signed by DIR/ca.pem.
sign() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1/$2.key" -out "$1/$2.csr" -subj "/CN=$3" 2>/dev/null
    echo "$4" >"$1/$2.ext"
    openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 2 -out "$1/$2.pem" \
        -extfile "$1/$2.ext" 2>/dev/null
}

# Certificates, and the listeners that use them. Sets `scram`, the users that are made with the log directory.
secure() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/ca.key" -out "$1/ca.pem" -subj "/CN=test authority" -days 2 \
        2>/dev/null
    sign "$1" broker 127.0.0.1 "subjectAltName=IP:127.0.0.1"
    sign "$1" client alice "extendedKeyUsage=clientAuth"
    cat "$1/broker.key" "$1/broker.pem" >"$1/broker-store.pem"
    ssl=$(free_port) sasl=$(free_port) oauth=$(free_port)
    printf 'SSL 127.0.0.1:%s\nSASL 127.0.0.1:%s\nOAUTH 127.0.0.1:%s\n' "$ssl" "$sasl" "$oauth" >"$1/addresses"
    more="SSL://127.0.0.1:$ssl,SASL://127.0.0.1:$sasl,OAUTH://127.0.0.1:$oauth"
    sed -i "s|^listeners=.*|&,$more|; s|^advertised.listeners=.*|&,$more|
        s|^listener.security.protocol.map=.*|&,SSL:SSL,SASL:SASL_SSL,OAUTH:SASL_SSL|" "$1/server.properties"
    modules=org.apache.kafka.common.security
    cat >>"$1/server.properties" <<END
ssl.keystore.type=PEM
ssl.keystore.location=$1/broker-store.pem
ssl.truststore.type=PEM
ssl.truststore.location=$1/ca.pem
listener.name.ssl.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required user_alice="grey-parrot";
listener.name.sasl.scram-sha-256.sasl.jaas.config=$modules.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=$modules.scram.ScramLoginModule required;
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=$modules.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
END
    scram="--add-scram SCRAM-SHA-256=[name=alice,password=grey-parrot] --add-scram SCRAM-SHA-512=[name=alice,password=grey-parrot]"
}

# A listener that clients reach through a proxy alone.
proxied() {
    behind=$(free_port) front=$(free_port)
    printf 'BEHIND 127.0.0.1:%s\nFRONT 127.0.0.1:%s\n' "$behind" "$front" >"$1/addresses"
    sed -i "s|^listeners=.*|&,BEHIND://127.0.0.1:$behind|; s|^advertised.listeners=.*|&,BEHIND://127.0.0.1:$front|
        s|^listener.security.protocol.map=.*|&,BEHIND:PLAINTEXT|" "$1/server.properties"
}

start() {
    install
    mkdir -p "$1"
    [ -e "$1/server.properties" ] || configure "$1" "${2:-}"
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
    install) install; echo "$jars" ;;
    start) start "$(realpath -m "$2")" "${3:-}" ;;
    stop) stop_process "$2" ;;
    kill) kill -9 "$(cat "$2/pid")" && rm -f "$2/pid" ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
