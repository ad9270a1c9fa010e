#!/bin/sh
# docs/configuration.md is what the program prints: check_manual.sh PROGRAM says so, or shows the difference.
set -eu
cd "$(dirname "$0")/.."
"$1" config options | diff -u docs/configuration.md - && echo "docs/configuration.md is what the option table says"
