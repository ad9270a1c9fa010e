#!/bin/sh
# A Confluent-compatible schema registry (Apicurio, in memory) for the end-to-end tests.
#   registry.sh install     into .cache/registry, in the version that stands below
#   registry.sh start DIR   start it on a free port of the loopback, with its log in DIR; print its base URL
#   registry.sh stop DIR    end it
set -eu
. "$(dirname "$0")/common.sh"
version=3.0.9
place=$cache/registry/$version

# The parent POM of this version was never published and Maven asks for it, so an empty one stands in.
install() {
    [ -d "$place" ] && return 0
    echo "icesink: installing the schema registry into .cache/registry" >&2
    mkdir -p "$cache/registry"
    part=$(mktemp -d "$cache/registry/part-XXXXXX")
    parent=$part/repository/io/apicurio/apicurio-registry/$version
    mkdir -p "$parent"
    cat >"$parent/apicurio-registry-$version.pom" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>io.apicurio</groupId>
  <artifactId>apicurio-registry</artifactId>
  <version>$version</version>
  <packaging>pom</packaging>
</project>
END
    mvn -q -B -U org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get -Dtransitive=false \
        -Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all -Dmaven.repo.local="$part/maven" \
        -DremoteRepositories="parent::default::file://$part/repository" >"$part/maven.log" 2>&1 ||
        { tail -n 30 "$part/maven.log" >&2; exit 1; }
    mkdir "$part/files"
    tar -xzf "$part/maven/io/apicurio/apicurio-registry-app/$version/apicurio-registry-app-$version-all.tar.gz" \
        -C "$part/files"
    mv -T "$part/files" "$place" 2>/dev/null || true
    rm -rf "$part"
}

start() {
    install
    mkdir -p "$1"
    port=$(free_port)
    jar=$(find "$place" -maxdepth 2 -name 'apicurio-registry-app-*-runner.jar')
    nohup java -Xmx512m -XX:TieredStopAtLevel=1 -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
        -jar "$jar" >>"$1/log" 2>&1 </dev/null &
    echo $! >"$1/pid"
    wait_for_port "$port" "$1"
    echo "http://127.0.0.1:$port/apis/ccompat/v7"
}

case ${1:-} in
    install) install ;;
    start) start "$(realpath -m "$2")" ;;
    stop) stop_process "$2" ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
