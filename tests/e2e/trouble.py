"""The sink's processes while everything that can be killed is killed, and what the tables hold in the end."""
import signal
import sqlite3
import time

import duckdb
import duckdb_extensions
from stream import HealthMessages, Stream

SESSION = "session.timeout.ms: \"1000\", heartbeat.interval.ms: \"200\""
class Processes:
    """The sink's processes, each started again as soon as it was killed."""

    started = []  # of all of them, so that a test that fails leaves none behind

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
        process = self.lake.start_service(config.name, log=self.logs[slot])
        self.started.append(process)
        return process

    @classmethod
    def kill_all(cls):
        for process in cls.started:
            if process.poll() is None:
                process.kill()
        cls.started.clear()

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


class Trouble:
    """What can happen to a lake with its broker and its registry, by name; `counts` says how often each did."""

    def __init__(self, lake, broker, registry, choose):
        self.lake = lake
        self.broker = broker
        self.registry = registry
        self.choose = choose
        self.counts = {}

    def kill(self, processes):
        processes.kill(self.choose.randrange(len(processes.running)))

    def sleep(self, processes):
        processes.sleep(self.choose.randrange(len(processes.running)), self.choose.uniform(0.05, 2.5))

    def restart_broker(self, _):
        self.broker.kill()
        time.sleep(self.choose.uniform(0, 2))
        self.broker.start()

    def silence_registry(self, _):
        self.registry.sleep(self.choose.uniform(0, 2))

    def lock_catalog(self, _):
        with sqlite3.connect(self.lake.directory / "catalog.db", timeout=60) as other:
            other.execute("begin exclusive")
            time.sleep(self.choose.uniform(0, 3))
            other.rollback()

    def append_foreign(self, _):
        """Somebody else's commit to each table, of nothing."""
        for name in ("health_data_raw", "health_data_errors"):
            table = self.lake.table(name)
            try:
                table.append(table.schema().as_arrow().empty_table())
            except Exception as problem:  # pylint: disable=broad-except
                # The sink was faster; that is what its own retries are for, not ours.
                assert "ommit" in type(problem).__name__ + str(problem), problem

    def expire_snapshots(self, _):
        """All but the newest ten of each table."""
        for name in ("health_data_raw", "health_data_errors"):
            table = self.lake.table(name)
            old = [s.snapshot_id for s in sorted(table.snapshots(), key=lambda s: s.timestamp_ms)[:-10]]
            try:
                if old:
                    table.maintenance.expire_snapshots().by_ids(old).commit()
            except Exception as problem:  # pylint: disable=broad-except
                assert "ommit" in type(problem).__name__ + str(problem), problem

    def happen(self, what, processes):
        processes.check()
        getattr(self, what)(processes)
        self.counts[what] = self.counts.get(what, 0) + 1


def torture(lake, mode, count, kills, trouble, weights):
    """Trouble of all kinds until `kills` more processes were killed; `count` of them share the topic in a mode of theirs."""
    processes = Processes(lake, mode, count)
    goal = trouble.counts.get("kill", 0) + kills
    choose = trouble.choose
    while trouble.counts.get("kill", 0) < goal:
        # Short: within the start or the first commit. Long: it has got somewhere.
        time.sleep(choose.choice([choose.uniform(0, 0.1), choose.uniform(0.1, 0.5), choose.uniform(0.3, 1.5)]))
        trouble.happen(choose.choices(list(weights), list(weights.values()))[0], processes)
    processes.stop()


# (mode, processes, share of the kills)
MODES = [("all", 1, 0.4), ("static", 2, 0.3), ("group", 3, 0.3)]


def torture_beside_a_producer(lake, trouble, seed, kills, weights, rate, read):
    """All modes in turn while a producer with its own ledger goes on; in the end `read` finds in the tables what the ledger says."""
    lake.generate(1)  # writes the schema
    schema = (lake.directory / "kafka/schemas/1.avsc").read_text()
    messages = HealthMessages(seed, schema, trouble.registry.register("torture-value", schema))
    lake.run("init", "icesink.yaml")
    trouble.broker.create_topic(lake.topic, lake.partitions)
    stream = Stream(trouble.broker.address, lake.topic, lake.partitions, messages, rate=rate)
    try:
        for mode, count, share in MODES:
            torture(lake, mode, count, max(1, round(kills * share)), trouble, weights)
            print(f"{mode}: {trouble.counts}, {lake.records_in_table()} records so far", flush=True)
        stream.finish()
        lake.configure()
        lake.sink()
        found = lake.verify()
        assert found["records"] == len(stream.ledger) and found["gaps"] == 0
        rows, dead = read(lake)
        assert rows == stream.rows()
        assert dead == stream.dead_letters()
        print(f"{len(stream.ledger)} records, {len(rows)} rows, {len(dead)} dead letters, {found['epochs']} epochs")
    finally:
        Processes.kill_all()
        stream.stopped.set()


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
