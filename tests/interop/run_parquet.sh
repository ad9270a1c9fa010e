#!/bin/sh
# run_parquet.sh PYTHON PARQUET_SAMPLE: writes files of every type with every codec, in small and large pages and row groups,
# and compares what pyarrow and DuckDB read with what was meant to be in them.
set -eu
directory=$(dirname "$0")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for codec in none snappy zstd gzip lz4; do
    "$2" "$scratch/$codec.parquet" 3000 1 "$codec"
    "$2" "$scratch/$codec-small.parquet" 2000 2 "$codec" 512 20000
done
"$1" "$directory/check_parquet_files.py" "$scratch"/*.parquet
