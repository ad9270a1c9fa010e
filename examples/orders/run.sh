#!/bin/sh
# The example from end to end, without a server: run.sh [DIRECTORY [COUNT]]
set -eu
example=$(cd "$(dirname "$0")" && pwd)
program=${ICESINK_BINARY:-$(command -v icesink || echo "$example/../../build/release/bin/icesink")}
directory=${1:-orders}
mkdir -p "$directory"
cd "$directory"
cp "$example/icesink.yaml" .
python3 "$example/orders.py" "${2:-20000}" >orders.ndjson
"$program" gen --directory kafka --topic orders --partitions 3 --lines orders.ndjson
"$program" run icesink.yaml --until-end
"$program" scan orders_db.orders --config icesink.yaml --columns order_id,placed_at,country,total,items --limit 5
"$program" verify orders_db.orders --config icesink.yaml
