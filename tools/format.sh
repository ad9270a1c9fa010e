#!/bin/sh
# format.sh format: lay out all C files.  format.sh check-format: say which are not laid out, and fail if any.
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files '*.c' '*.h')
tool=.cache/venv/bin/clang-format
if [ "$1" = format ]; then
    # shellcheck disable=SC2086
    "$tool" -i $files
else
    # shellcheck disable=SC2086
    "$tool" --dry-run --Werror $files
fi
