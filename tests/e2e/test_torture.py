"""Everything that can be killed is killed while a producer goes on: the sink's processes in all three modes of sharing a
topic, the broker, the registry. At the end DuckDB reads the tables, and they hold what the producer's ledger says."""
import os
import random
import time

import pytest
from broker_lake import BrokerLake
from lake import TEST_ALL
from services import Broker, Registry
from stream import HealthMessages, Stream
from trouble import Processes, Trouble, read_by_duckdb, torture

KILLS = int(os.environ.get("KILLS", "0")) or (3000 if TEST_ALL else 300)
PARTITIONS = 6
# (mode, processes, share of the kills)
MODES = [("all", 1, 0.4), ("static", 2, 0.3), ("group", 3, 0.3)]
WEIGHTS = {"kill": 100, "sleep": 8, "restart_broker": 2, "silence_registry": 2, "lock_catalog": 1}


@pytest.mark.parametrize("seed", [int(os.environ.get("SEED", "1"))])
def test_nothing_is_lost_and_nothing_is_there_twice(tmp_path, seed):
    choose = random.Random(seed)
    broker = Broker(tmp_path / "broker")
    registry = Registry(tmp_path / "registry")
    stream = None
    try:
        lake = BrokerLake(tmp_path / "lake", broker, registry, "torture", partitions=PARTITIONS)
        lake.generate(1)  # writes the schema
        schema = (lake.directory / "kafka/schemas/1.avsc").read_text()
        messages = HealthMessages(seed, schema, registry.register("torture-value", schema))
        lake.run("init", "icesink.yaml")
        broker.create_topic(lake.topic, PARTITIONS)
        stream = Stream(broker.address, lake.topic, PARTITIONS, messages, rate=400)
        trouble = Trouble(lake, broker, registry, choose)
        for mode, count, share in MODES:
            torture(lake, mode, count, max(1, round(KILLS * share)), trouble, WEIGHTS)
            print(f"{mode}: {trouble.counts}, {lake.records_in_table()} records so far", flush=True)
        stream.finish()
        lake.configure()
        lake.sink()
        found = lake.verify()
        assert found["records"] == len(stream.ledger) and found["gaps"] == 0
        rows, dead = read_by_duckdb(lake)
        assert rows == stream.rows()
        assert dead == stream.dead_letters()
        print(f"{len(stream.ledger)} records, {len(rows)} rows, {len(dead)} dead letters, {found['epochs']} epochs")
    finally:
        Processes.kill_all()
        if stream:
            stream.stopped.set()
        broker.stop()
        registry.stop()
