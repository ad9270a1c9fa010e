#!/bin/sh
# check_install.sh BUILD_DIRECTORY: installs into a scratch directory, then builds and runs examples/library against it, found once
# by pkg-config and once by CMake; the installed program knows its preset.
set -eu
cd "$(dirname "$0")/.."
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
example=$PWD/examples/library/append.c
libraries=$(dirname "$(find "$scratch/prefix" -name icesink.pc)")/..
export PKG_CONFIG_PATH="$libraries/pkgconfig" LD_LIBRARY_PATH="$libraries"
sanitize=$(grep -o '^ICESINK_SANITIZE:STRING=.*' "$build/CMakeCache.txt" | cut -d= -f2)
# shellcheck disable=SC2046
cc ${sanitize:+-fsanitize=$sanitize} -Wall -Wextra -Werror "$example" $(pkg-config --cflags --libs icesink) -o "$scratch/by_pkg_config"
cd "$scratch"
[ "$(./by_pkg_config | tr '\n' ' ')" = "appended 2 3 5 7 11 " ]
cat >"$scratch/CMakeLists.txt" <<C
cmake_minimum_required(VERSION 3.25)
project(consumer C)
find_package(icesink REQUIRED)
add_executable(by_cmake $example)
target_link_libraries(by_cmake icesink::icesink)
C
cmake -S "$scratch" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" ${sanitize:+-DCMAKE_C_FLAGS=-fsanitize=$sanitize} >/dev/null
cmake --build "$scratch/build" >/dev/null
[ "$(./build/by_cmake | tr '\n' ' ')" = "appended before 2 3 5 7 11 " ]
"$scratch/prefix/bin/icesink" config show health | grep -q '^explode: samples$'
echo "installed, found by pkg-config and by CMake, presets inside"
