#!/bin/sh
# An S3 server on a directory (versitygw) for the end-to-end tests.
#   versitygw.sh install    build it into .cache/versitygw, in the version that stands below; print the folder
#   versitygw.sh start DIR  start one that keeps everything in DIR, on a free port of the loopback; print its endpoint.
#                           Its keys are S3_ROOT_ACCESS_KEY and S3_ROOT_SECRET_KEY of the environment, else test-access and
#                           test-secret-key. A DIR with a stopped server's files is started again on the same port.
#   versitygw.sh start DIR accounts  the same with accounts of its own beside the root's: `versitygw admin`, in
#                           .cache/versitygw, makes and deletes them
#   versitygw.sh start DIR tls  the same with https; DIR/ca.pem is the authority to trust
#   versitygw.sh stop DIR   end it
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/go.sh"
version=v1.8.0
place=$cache/versitygw/$version

install() { go_install github.com/versity/versitygw/cmd/versitygw $version "$place"; }

certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/server.key" -out "$1/ca.pem" -subj "/CN=127.0.0.1" -days 2 \
        -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" 2>/dev/null
}

start() {
    install
    mkdir -p "$1/objects"
    [ -e "$1/port" ] || free_port >"$1/port"
    port=$(cat "$1/port")
    scheme=http
    tls=
    if [ "${2:-}" = tls ]; then
        [ -e "$1/ca.pem" ] || certificate "$1"
        scheme=https
        tls="--cert $1/ca.pem --key $1/server.key"
    fi
    accounts=
    if [ "${2:-}" = accounts ]; then
        mkdir -p "$1/accounts"
        accounts="--iam-dir $1/accounts --iam-cache-disable"
    fi
    # shellcheck disable=SC2086
    ROOT_ACCESS_KEY=${S3_ROOT_ACCESS_KEY:-test-access} ROOT_SECRET_KEY=${S3_ROOT_SECRET_KEY:-test-secret-key} \
        nohup "$place/versitygw" --keep-alive --port "127.0.0.1:$port" $tls $accounts posix "$1/objects" >>"$1/log" 2>&1 \
        </dev/null &
    echo $! >"$1/pid"
    wait_for_port "$port" "$1"
    echo "$scheme://127.0.0.1:$port"
}

case ${1:-} in
    install) install; echo "$place" ;;
    start) start "$(realpath -m "$2")" "${3:-}" ;;
    stop) stop_process "$2" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
