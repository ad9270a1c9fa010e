"""The harness of test_torture.py on a REST catalog with S3 storage: the sink's processes, the broker, the catalog and the object
store are killed or silenced while a producer goes on. PyIceberg reads the tables, and they hold what the producer's ledger says."""
import os
import random
import signal
import time

import pytest
from catalogs import RestBrokerLake, deployment
from lake import TEST_ALL
from services import Broker, Registry
from trouble import Trouble, torture_beside_a_producer

KILLS = int(os.environ.get("KILLS", "0")) or (600 if TEST_ALL else 60)
WEIGHTS = {"kill": 100, "sleep": 8, "restart_broker": 2, "silence_registry": 2, "silence_catalog": 4, "silence_store": 4,
           "restart_store": 2}


class RestTrouble(Trouble):
    """Besides what happens to every lake: the catalog and the object store say nothing for a while, or begin anew."""

    def silence(self, directory):
        pid = int((directory / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.choose.uniform(0, 2))
        os.kill(pid, signal.SIGCONT)

    def silence_catalog(self, _):
        self.silence(self.lake.server.directory)

    def silence_store(self, _):
        self.silence(self.lake.store.directory)

    def restart_store(self, _):
        self.lake.store.stop()
        time.sleep(self.choose.uniform(0, 1))
        self.lake.store.start()


def read(lake):
    rows = lake.table("health_data_raw").scan(selected_fields=("sample_id",)).to_arrow().column("sample_id").to_pylist()
    dead = lake.table("health_data_errors").scan(
        selected_fields=("kafka_partition", "kafka_offset", "element_index", "error_type")).to_arrow().to_pylist()
    return sorted(rows), sorted((d["kafka_partition"], d["kafka_offset"],
                                 -1 if d["element_index"] is None else d["element_index"], d["error_type"]) for d in dead)


@pytest.mark.parametrize("kind", ["nessie", "fixture"])
def test_nothing_is_lost_and_nothing_is_there_twice(tmp_path, kind):
    seed = int(os.environ.get("SEED", "1"))
    broker = Broker(tmp_path / "broker")
    registry = Registry(tmp_path / "registry")
    try:
        with deployment(kind, tmp_path / "server") as server:
            lake = RestBrokerLake(tmp_path / "lake", server, broker, registry, "torture", partitions=6)
            trouble = RestTrouble(lake, broker, registry, random.Random(seed))
            torture_beside_a_producer(lake, trouble, seed, KILLS, WEIGHTS, 200, read)
    finally:
        broker.stop()
        registry.stop()
