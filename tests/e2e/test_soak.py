"""All kinds of load and trouble mixed for MINUTES: rates that change, kills, sleeps, restarts of the broker, locks and foreign
commits in the catalog, expired snapshots, new partitions. At the end `verify --source` compares what the log still has, and
DuckDB's reading of the tables is the producer's ledger."""
import os
import random
import time

import pytest
from broker_lake import BrokerLake
from services import Broker, Registry
from stream import HealthMessages, Stream
from trouble import Processes, Trouble, read_by_duckdb

MINUTES = float(os.environ.get("MINUTES", "0.7"))
MODES = [("all", 1), ("static", 2), ("group", 3)]
WEIGHTS = {"kill": 10, "sleep": 5, "restart_broker": 1, "silence_registry": 2, "lock_catalog": 3, "append_foreign": 5,
           "expire_snapshots": 2}


@pytest.mark.parametrize("seed", [int(os.environ.get("SEED", "1"))])
def test_mixed_load_and_trouble(tmp_path, seed):
    choose = random.Random(seed)
    broker = Broker(tmp_path / "broker")
    registry = Registry(tmp_path / "registry")
    stream = None
    try:
        lake = BrokerLake(tmp_path / "lake", broker, registry, "soak", partitions=3)
        lake.generate(1)  # writes the schema
        schema = (lake.directory / "kafka/schemas/1.avsc").read_text()
        messages = HealthMessages(seed, schema, registry.register("soak-value", schema))
        lake.run("init", "icesink.yaml")
        broker.create_topic(lake.topic, 3)
        stream = Stream(broker.address, lake.topic, 3, messages, rate=200)
        trouble = Trouble(lake, broker, registry, choose)
        end = time.monotonic() + MINUTES * 60
        for turn in range(10 ** 6):
            mode, count = MODES[turn % len(MODES)]
            turn_end = min(end, time.monotonic() + max(10, MINUTES * 6))
            processes = Processes(lake, mode, count)
            while time.monotonic() < turn_end:
                time.sleep(choose.uniform(0, 3))
                stream.rate = choose.choice([0, 50, 400, 2000])
                trouble.happen(choose.choices(list(WEIGHTS), list(WEIGHTS.values()))[0], processes)
            processes.stop()
            if stream.partitions < 12:
                stream.partitions += 1
                broker.add_partitions(lake.topic, stream.partitions)
            print(f"{mode}: {trouble.counts}, {lake.records_in_table()} records", flush=True)
            if time.monotonic() >= end:
                break
        stream.finish()
        lake.configure()
        lake.sink()
        found = lake.verify("--source")
        assert found["records"] == len(stream.ledger) and found["gaps"] == 0
        assert found["source"]["epochs_gone"] == 0
        rows, dead = read_by_duckdb(lake)
        assert rows == stream.rows()
        assert dead == stream.dead_letters()
        print(f"{len(stream.ledger)} records, {len(rows)} rows, {len(dead)} dead letters, {found['epochs']} epochs, "
              f"{found['source']['epochs']} compared with the topic")
    finally:
        Processes.kill_all()
        if stream:
            stream.stopped.set()
        broker.stop()
        registry.stop()
