#!/bin/sh
# check_deterministic.sh ICESINK_SIM: the trace of a seed is the same in every process, whatever ran before it.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# The closing line tells how fast it was.
"$1" --seeds 1 60 --verbose | grep -v ' a second' >"$directory/together"
for seed in $(seq 1 60); do
    "$1" --seed "$seed" --verbose | grep -v ' a second'
done >"$directory/alone"
cmp "$directory/together" "$directory/alone"
[ "$(wc -l <"$directory/alone")" -gt 3000 ]
echo "$(wc -l <"$directory/alone") lines, the same twice"
