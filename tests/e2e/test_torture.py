"""Everything that can be killed is killed while a producer goes on: the sink's processes in all three modes of sharing a
topic, the broker, the registry. At the end DuckDB reads the tables, and they hold what the producer's ledger says."""
import os
import random

import pytest
from broker_lake import BrokerLake
from lake import TEST_ALL
from services import Broker, Registry
from trouble import Trouble, read_by_duckdb, torture_beside_a_producer

KILLS = int(os.environ.get("KILLS", "0")) or (3000 if TEST_ALL else 300)
WEIGHTS = {"kill": 100, "sleep": 8, "restart_broker": 2, "silence_registry": 2, "lock_catalog": 1}


@pytest.mark.parametrize("seed", [int(os.environ.get("SEED", "1"))])
def test_nothing_is_lost_and_nothing_is_there_twice(tmp_path, seed):
    broker = Broker(tmp_path / "broker")
    registry = Registry(tmp_path / "registry")
    try:
        lake = BrokerLake(tmp_path / "lake", broker, registry, "torture", partitions=6)
        trouble = Trouble(lake, broker, registry, random.Random(seed))
        torture_beside_a_producer(lake, trouble, seed, KILLS, WEIGHTS, 400, read_by_duckdb)
    finally:
        broker.stop()
        registry.stop()
