#!/bin/sh
# PyFlink and its Kafka connector, for the tests of the Python package.
#   pyflink.sh install      into .cache/pyflink/VERSION, a virtual environment with the jars in jars/; print that folder
# PYFLINK_VERSION chooses another version than the pinned one.
set -eu
# pip takes what lies there for installed; the environment that is made has to stand without it.
unset PYTHONPATH
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
version=${PYFLINK_VERSION:-2.1.3}
case $version in
    2.*) connector=4.0.1-2.0 ;;
    1.20.*) connector=3.4.0-1.20 ;;
    *) echo "pyflink.sh: no Kafka connector is known for Flink $version" >&2; exit 2 ;;
esac
place=$cache/pyflink/$version

# A virtual environment knows where it lies: so it is made in its place, and `installed` says that it is whole.
install() {
    [ -e "$place/installed" ] && return 0
    echo "icesink: installing PyFlink $version into .cache/pyflink" >&2
    rm -rf "$place"
    mkdir -p "$place"
    {
        python3 -m venv "$place"
        # setuptools and typing_extensions: what PyFlink imports and does not ask for.
        "$place/bin/pip" install -q --disable-pip-version-check "apache-flink==$version" "setuptools<81" typing_extensions &&
            mvn -q -B -f "$here/pyflink.pom.xml" -Dflink.kafka.version="$connector" \
                org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$place/jars"
    } >"$place/install.log" 2>&1 || { tail -n 30 "$place/install.log" >&2; exit 1; }
    touch "$place/installed"
}

case ${1:-} in
    install) install; echo "$place" ;;
    *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
