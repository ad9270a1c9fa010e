#!/bin/sh
# Prints what it costs to write objects: to a directory, and to an S3 server on this machine over http and over https, the server on
# another core where there is one.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/icesink-bench-XXXXXX")
bench=$PWD/build/release/bench/bench_store
pin=$(command -v taskset >/dev/null 2>&1 && echo "taskset -c 0" || true)
beside=$(command -v taskset >/dev/null 2>&1 && [ "$(nproc)" -gt 1 ] && echo "taskset -c 1" || true)
trap 'tools/services/versitygw.sh stop "$work/http"; tools/services/versitygw.sh stop "$work/https"; rm -rf "$work"' EXIT

measure() { # measure TITLE ROOT
    echo "$1"
    $pin "$bench" "$2" 8 134217728
    $pin "$bench" "$2" 500 1000000
    $pin "$bench" "$2" 2000 20000
}

mkdir "$work/local"
measure "a directory" "$work/local"
export AWS_ACCESS_KEY_ID=test-access AWS_SECRET_ACCESS_KEY=test-secret-key BENCH_ENDPOINT
BENCH_ENDPOINT=$($beside tools/services/versitygw.sh start "$work/http")
mkdir "$work/http/objects/bench"
measure "S3 over http" s3://bench
BENCH_UNSIGNED=1 measure "S3 over http, payload not signed" s3://bench
BENCH_ENDPOINT=$($beside tools/services/versitygw.sh start "$work/https" tls)
export BENCH_CA=$work/https/ca.pem
mkdir "$work/https/objects/bench"
measure "S3 over https" s3://bench
