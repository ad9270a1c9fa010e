#!/bin/sh
# make_jars.sh OUT [LINE...]: the connector's jars for the lines of Flink (2.1 and 1.20) in OUT, each with the native library and all that it
# needs beyond glibc inside. ICESINK_JNI names another libicesink_jni.so than that of the release build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
out=$1
shift
library=${ICESINK_JNI:-$root/build/release/bindings/flink/libicesink_jni.so}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$root/.cache/venv/bin/python" "$root/tools/carry_libraries.py" "$scratch/native" "$library"
mkdir -p "$out"
for line in ${*:-2.1 1.20}; do
    profile=
    [ "$line" = 2.1 ] || profile=-Pflink-$line
    # shellcheck disable=SC2086
    mvn -q -B -ntp -f "$here/pom.xml" $profile -Dmaven.test.skip=true -Dicesink.native="$scratch/native" \
        -Dicesink.output="$scratch/maven" package
    cp "$scratch/maven/$line/icesink-flink-$line"-*.jar "$out"
done
