#!/bin/sh
# Installs a Java peer into .cache/peers, pinned by its pom.xml; prints the directory of its jars.
#   bench/peers/install.sh connect|flink
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache
peer=$1
jars=$cache/peers/$peer-$(cat "$here/install.sh" "$here/$peer.pom.xml" | sha256sum | cut -c1-16)

if [ ! -d "$jars" ]; then
    echo "icesink: installing $peer into .cache/peers" >&2
    mkdir -p "$cache/peers"
    part=$(mktemp -d "$cache/peers/part-XXXXXX")
    if [ "$peer" = flink ]; then
        # Flink's distribution is not in Maven Central; this package of PyPI has its jars and no Python.
        "$cache/venv/bin/uv" pip install -q --no-deps --target "$part/libraries" apache-flink-libraries==2.1.3
        mv "$part"/libraries/pyflink/lib/*.jar "$part"/libraries/pyflink/opt/*.jar "$part"
        rm -r "$part/libraries"
    fi
    mvn -q -B -f "$here/$peer.pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$part" >"$cache/peers/$peer.log" 2>&1 ||
        { tail -n 30 "$cache/peers/$peer.log" >&2; exit 1; }
    mv -T "$part" "$jars"
fi
echo "$jars"
