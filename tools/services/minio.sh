#!/bin/sh
# A MinIO server for the longer end-to-end tests.
#   minio.sh install    build it into .cache/minio, in the version that stands below: ten minutes, a gigabyte of memory
#   minio.sh start DIR  start one that keeps everything in DIR, on a free port of the loopback; print its endpoint.
#                       Its keys are S3_ROOT_ACCESS_KEY and S3_ROOT_SECRET_KEY of the environment, else test-access and
#                       test-secret-key. A DIR with a stopped server's files is started again on the same port.
#   minio.sh stop DIR   end it
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/go.sh"
version=v0.0.0-20260212201848-7aac2a2c5b7c
place=$cache/minio/$version

install() { go_install github.com/minio/minio $version "$place"; }

start() {
    install
    mkdir -p "$1/objects"
    [ -e "$1/port" ] || free_port >"$1/port"
    port=$(cat "$1/port")
    MINIO_ROOT_USER=${S3_ROOT_ACCESS_KEY:-test-access} MINIO_ROOT_PASSWORD=${S3_ROOT_SECRET_KEY:-test-secret-key} \
        MINIO_BROWSER=off nohup "$place/minio" server --quiet --address "127.0.0.1:$port" "$1/objects" \
        >>"$1/log" 2>&1 </dev/null &
    echo $! >"$1/pid"
    wait_for_port "$port" "$1"
    echo "http://127.0.0.1:$port"
}

case ${1:-} in
    install) install ;;
    start) start "$(realpath -m "$2")" ;;
    stop) stop_process "$2" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
