#!/bin/sh
# Installs the Debian packages that icesink needs, after saying which.
#   tools/bootstrap.sh build   what building and `make run` need
#   tools/bootstrap.sh test    that, and what the tests need
#   tools/bootstrap.sh fuzz    what building needs, and clang with libFuzzer
# Nothing is installed when everything is there. Works on Debian 12 and Ubuntu 24.04.
set -eu

build_packages="gcc libc6-dev make cmake ninja-build pkg-config librdkafka-dev libcurl4-openssl-dev libssl-dev
libjansson-dev libsqlite3-dev libyaml-dev libsnappy-dev libzstd-dev liblz4-dev libdeflate-dev libxxhash-dev
libmicrohttpd-dev"
test_packages="libcmocka-dev locales openssl python3 python3-venv git spin"

missing=""
need() {
    # A command or pkg-config module that is there counts, wherever it came from.
    case $1 in
        gcc|make|cmake|git|openssl|python3|spin) command -v "$1" >/dev/null 2>&1 && return ;;
        ninja-build) command -v ninja >/dev/null 2>&1 && return ;;
        pkg-config) command -v pkg-config >/dev/null 2>&1 && return ;;
        python3-venv) python3 -c 'import ensurepip, venv' >/dev/null 2>&1 && return ;;
        jdk) command -v javac >/dev/null 2>&1 && return ;;
        clang) command -v clang >/dev/null 2>&1 && return ;;
        libclang-rt-14-dev) ls /usr/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a >/dev/null 2>&1 && return ;;
        maven) command -v mvn >/dev/null 2>&1 && return ;;
        *) dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -q '^installed$' && return ;;
    esac
    [ "$1" = jdk ] && set -- openjdk-17-jdk-headless
    # The runtime carries its version in its name; the newest one there is goes with the newest clang.
    [ "$1" = libclang-rt-14-dev ] && set -- "$(apt-cache search --names-only '^libclang-rt-[0-9]+-dev$' | sort -V | tail -n 1 | cut -d" " -f1)"
    missing="$missing $1"
}

for package in $build_packages; do need "$package"; done
if [ "${1:-build}" = fuzz ]; then
    for package in clang libclang-rt-14-dev; do need "$package"; done
fi
if [ "${1:-build}" = test ]; then
    for package in $test_packages jdk maven; do need "$package"; done
fi
[ -n "$missing" ] || exit 0

echo "icesink: these packages are missing and will be installed:$missing"
if [ "$(id -u)" = 0 ]; then run=""; elif command -v sudo >/dev/null 2>&1; then run=sudo; else
    echo "icesink: run as root, or install them yourself: apt-get install$missing" >&2
    exit 1
fi
$run apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing >/dev/null
