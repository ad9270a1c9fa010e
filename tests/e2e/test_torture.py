"""Everything that can be killed is killed while a producer goes on: the sink's processes in all three modes of sharing a
topic, the broker, the registry. At the end DuckDB reads the tables, and they hold what the producer's ledger says."""
import os
import random
import signal
import time

import duckdb
import duckdb_extensions
import pytest
from broker_lake import BrokerLake
from lake import TEST_ALL
from services import Broker, Registry
from stream import HealthMessages, Stream

KILLS = int(os.environ.get("KILLS", "0")) or (3000 if TEST_ALL else 300)
PARTITIONS = 6
SESSION = "session.timeout.ms: \"1000\", heartbeat.interval.ms: \"200\""
# (mode, processes, share of the kills)
MODES = [("all", 1, 0.4), ("static", 2, 0.3), ("group", 3, 0.3)]


class Processes:
    """The sink's processes, each started again as soon as it was killed."""

    def __init__(self, lake, mode, count):
        self.lake = lake
        self.mode = mode
        self.logs = [lake.directory / f"log-{mode}-{slot}" for slot in range(count)]
        self.running = [self.start(slot) for slot in range(count)]

    def start(self, slot):
        more = {"all": "", "group": f", assignment: group, properties: {{{SESSION}}}",
                "static": f", assignment: group, properties: {{{SESSION}, group.instance.id: slot-{slot}}}"}[self.mode]
        self.lake.configure(interval="50ms", more=more)
        config = self.lake.directory / f"icesink-{self.mode}-{slot}.yaml"
        config.write_text(self.lake.text)
        return self.lake.start_service(config.name, log=self.logs[slot])

    def check(self):
        for slot, process in enumerate(self.running):
            assert process.poll() is None, self.logs[slot].read_text()[-3000:]

    def kill(self, slot):
        self.running[slot].kill()
        self.running[slot].wait()
        self.running[slot] = self.start(slot)

    def sleep(self, slot, seconds):
        self.running[slot].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.running[slot].send_signal(signal.SIGCONT)

    def stop(self):
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for slot, process in enumerate(self.running):
            # One that was started a moment ago may not have its handler yet.
            assert process.wait(60) in (0, -signal.SIGTERM), self.logs[slot].read_text()[-3000:]


def torture(lake, mode, count, kills, choose, broker, registry):
    processes = Processes(lake, mode, count)
    done = {"kill": 0, "sleep": 0, "broker": 0, "registry": 0}
    while done["kill"] < kills:
        # Short: within the start or the first commit. Long: it has got somewhere.
        time.sleep(choose.choice([choose.uniform(0, 0.1), choose.uniform(0.1, 0.5), choose.uniform(0.3, 1.5)]))
        what = choose.choices(list(done), [100, 8, 2, 2])[0]
        processes.check()
        slot = choose.randrange(count)
        if what == "kill":
            processes.kill(slot)
        elif what == "sleep":
            processes.sleep(slot, choose.uniform(0.05, 2.5))
        elif what == "broker":
            broker.kill()
            time.sleep(choose.uniform(0, 2))
            broker.start()
        else:
            registry.sleep(choose.uniform(0, 2))
        done[what] += 1
    processes.stop()
    return done


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
        for mode, count, share in MODES:
            done = torture(lake, mode, count, max(1, round(KILLS * share)), choose, broker, registry)
            print(f"{mode}: {done}, {lake.records_in_table()} records so far", flush=True)
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
        if stream:
            stream.stopped.set()
        broker.stop()
        registry.stop()


def read_by_duckdb(lake):
    duck = duckdb.connect()
    for extension in ("avro", "iceberg"):
        duckdb_extensions.import_extension(extension, con=duck)
        duck.execute(f"load {extension}")
    raw, errors = (lake.metadata_location(name).removeprefix("file://")
                   for name in ("health_data_raw", "health_data_errors"))
    rows = duck.execute("select sample_id from iceberg_scan(?)", [raw]).fetchall()
    dead = duck.execute("select kafka_partition, kafka_offset, coalesce(element_index, -1), error_type "
                        "from iceberg_scan(?)", [errors]).fetchall()
    return sorted(r[0] for r in rows), sorted(dead)
