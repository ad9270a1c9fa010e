#!/bin/sh
# Apache Iceberg's own REST catalog for tests, over a JDBC catalog in SQLite. Commits of several tables are not atomic here.
#   rest_fixture.sh install     the jars into .cache/rest_fixture, as rest_fixture.pom.xml pins them; print their folder
#   rest_fixture.sh start DIR WAREHOUSE   start it on a free port, with its files in DIR; print its URI. WAREHOUSE is a file: or
#                           s3: URI; an s3 one takes S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY from the environment.
#                           A DIR with a stopped one's files is started again on the same port.
#   rest_fixture.sh stop DIR    end it
#   rest_fixture.sh kill DIR    end it as a crash would
set -eu
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
jars=$cache/rest_fixture/$(sha256sum "$here/rest_fixture.pom.xml" | cut -c1-16)

install() {
    [ -d "$jars" ] && return 0
    echo "icesink: installing the REST catalog of Apache Iceberg's tests into .cache/rest_fixture" >&2
    mkdir -p "$cache/rest_fixture"
    part=$(mktemp -d "$cache/rest_fixture/part-XXXXXX")
    mvn -q -B -f "$here/rest_fixture.pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$part" >"$part/maven.log" 2>&1 || { tail -n 30 "$part/maven.log" >&2; exit 1; }
    mv -T "$part" "$jars" 2>/dev/null || rm -rf "$part"
}

start() {
    install
    mkdir -p "$1"
    [ -e "$1/port" ] || free_port >"$1/port"
    port=$(cat "$1/port")
    export CATALOG_WAREHOUSE="$2" CATALOG_URI="jdbc:sqlite:$1/catalog.db" CATALOG_REST_PORT="$port"
    export CATALOG_CATALOG__IMPL=org.apache.iceberg.jdbc.JdbcCatalog
    case $2 in
        s3:*)
            export CATALOG_IO__IMPL=org.apache.iceberg.aws.s3.S3FileIO CATALOG_S3_ENDPOINT="$S3_ENDPOINT"
            export CATALOG_S3_PATH__STYLE__ACCESS=true AWS_REGION=us-east-1
            export AWS_ACCESS_KEY_ID="$S3_ACCESS_KEY" AWS_SECRET_ACCESS_KEY="$S3_SECRET_KEY" ;;
    esac
    nohup java -Xmx512m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars/*" \
        org.apache.iceberg.rest.RESTCatalogServer >>"$1/log" 2>&1 </dev/null &
    echo $! >"$1/pid"
    wait_for_port "$port" "$1"
    echo "http://127.0.0.1:$port"
}

case ${1:-} in
    install) install; echo "$jars" ;;
    start) start "$(realpath -m "$2")" "$3" ;;
    stop) stop_process "$2" ;;
    kill) kill -9 "$(cat "$2/pid")" && rm -f "$2/pid" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
