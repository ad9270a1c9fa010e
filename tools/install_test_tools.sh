#!/bin/sh
# Installs what the tests use beside Debian's packages into .cache/, which git ignores: a Python environment with the
# readers (PyIceberg, DuckDB, pyarrow, fastavro), clang-format, and Java Iceberg. Does nothing when they are there.
set -eu
cd "$(dirname "$0")/.."
cache=$PWD/.cache
stamp=$cache/tools-$(cat tests/requirements.txt tests/java/pom.xml tests/java/src/main/java/icesink/*.java | sha256sum | cut -c1-16)
[ -e "$stamp" ] && exit 0
mkdir -p "$cache"

echo "icesink: installing the Python readers into .cache/venv"
python3 -m venv "$cache/venv"
"$cache/venv/bin/pip" install -q --disable-pip-version-check uv
"$cache/venv/bin/uv" pip install -q --python "$cache/venv/bin/python" -r tests/requirements.txt

echo "icesink: building the Java reader into .cache/java"
mvn -q -B -f tests/java/pom.xml -Dicesink.output="$cache/java" package >"$cache/maven.log" 2>&1 ||
    { tail -n 30 "$cache/maven.log" >&2; exit 1; }
touch "$stamp"
