#!/usr/bin/env python3
"""Kills a sink again and again beside a producer with its own ledger, and counts what the table lacks and what it has twice.

torture.py SINK [--lives N] [--kills N] [--seed N]      SINK is connect or icesink

A life is a topic, an empty table and a sink that nothing is known of yet. The sink's process is killed (-9) and started again
`kills` times while the producer goes on: at a random moment after its start, or at the moment that a sink names in its log when it
has everything of a commit and not yet committed. The first kill of every second life waits for that moment of the very first commit.
At the end of a life the sink runs until the table has what the ledger has, or has not grown for a while. The producer and its
ledger are those of the torture test (tests/e2e/stream.py), so is the broker. Needs a release build and what `make test` installs."""
import argparse
import collections
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(HERE), str(ROOT / "bench")]
from load_topic import readings  # noqa: E402
from measure import catalog, create, rows_now  # noqa: E402
from services import Broker  # noqa: E402
from stream import Stream  # noqa: E402

PARTITIONS = 6
RATE = 1000
INTERVAL_MS = 2000
TABLE = "peers.readings"
QUIET_S = 60  # without growth the end of a life is over


class Readings:
    """Flat readings as JSON, each with a number of its own: what a row is known by."""

    def __init__(self, seed):
        self.choose = random.Random(seed)
        self.values = readings()
        self.count = 0

    def make(self):
        value = next(self.values, None)
        if value is None:
            self.values = readings()
            value = next(self.values)
        self.count += 1
        value["seq"] = self.count
        return json.dumps(value, separators=(",", ":")).encode(), [self.count], []


class Connect:
    """Kafka Connect's worker with Apache Iceberg's sink: one process with the worker, the task and the coordinator."""

    moment = "received responses for all"  # of CommitState, before the coordinator commits to the table
    pause_s = 25  # a random kill comes within

    def __init__(self, directory, broker, topic):
        broker.create_topic(f"control-{topic}", 1)
        self.command = subprocess.run(
            [HERE / "connect.sh", directory, broker.address, topic, TABLE, str(INTERVAL_MS), "info",
             "org.apache.kafka.connect.json.JsonConverter", "schemas.enable=false"],
            check=True, text=True, stdout=subprocess.PIPE).stdout.split()
        # The groups wait for a killed member that long, 45 seconds by default; most kills would come within.
        with (directory / "sink.properties").open("a") as settings:
            for client in ("consumer.override", "iceberg.kafka"):
                settings.write(f"{client}.session.timeout.ms=3000\n{client}.heartbeat.interval.ms=500\n")


class Icesink:
    moment = None  # it has none that lasts
    pause_s = 3

    def __init__(self, directory, broker, topic):
        columns = subprocess.run(["sh", "-c", '. bench/common.sh; echo "$readings_pipeline"'], cwd=ROOT, check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        (directory / "icesink.yaml").write_text(f"""\
name: torture
source:
  kafka: {{brokers: "{broker.address}", topics: [{topic}], group: torture}}
  decode: {{format: json}}
pipeline: {columns}
tables: {{data: {TABLE}, dead_letters: peers.errors, create: true}}
catalog: {{name: peers, uri: "{directory}/catalog.db", warehouse: "{directory}/warehouse"}}
commit: {{interval: {INTERVAL_MS}ms}}
http: "off"
""")
        self.command = [str(ROOT / "build/release/bin/icesink"), "run", str(directory / "icesink.yaml")]


class Process:
    """The sink's process; everything that it logs goes to one file."""

    def __init__(self, command, log):
        self.command = command
        self.log = log
        self.log.touch()
        self.running = None

    def start(self):
        self.read_from = self.log.stat().st_size
        with self.log.open("a") as out:
            self.running = subprocess.Popen(self.command, stdout=out, stderr=subprocess.STDOUT)

    def kill(self):
        if self.running:
            self.running.kill()
            self.running.wait()

    def check(self):
        if self.running.poll() is not None:
            sys.exit(f"the sink ended by itself:\n{self.log.read_text()[-3000:]}")

    def wait_for(self, text, seconds):
        """Whether the process has logged it within that time."""
        end = time.monotonic() + seconds
        with self.log.open() as lines:
            lines.seek(self.read_from)
            while time.monotonic() < end:
                line = lines.readline()
                if text in line:
                    return True
                if not line:
                    self.check()
                    time.sleep(0.002)
        return False


def kill_often(process, sink, kills, at_first_commit, choose):
    """How the kills were: [description]."""
    told = []
    for number in range(kills):
        process.start()
        wanted = sink.moment and (at_first_commit if number == 0 else choose.random() < 0.3)
        if wanted and process.wait_for(sink.moment, 60):
            told.append("ready to commit")
        else:
            time.sleep(choose.uniform(0, sink.pause_s))
            process.check()
            told.append("at random")
        process.kill()
    return told


def settle(process, uri, wanted):
    """Let the sink go on until the table has as many rows as it should, or does not grow any more."""
    process.start()
    most, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_S:
        process.check()
        rows = rows_now(uri, TABLE)
        if rows > most:
            most, since = rows, time.monotonic()
        if rows >= wanted:
            time.sleep(3 * INTERVAL_MS / 1000)  # what should not come may still come
            break
        time.sleep(0.5)
    process.kill()


def live(kind, directory, broker, number, kills, choose):
    topic = f"life-{number}"
    directory.mkdir()
    uri = directory / "catalog.db"
    create(str(uri), str(directory / "warehouse"), TABLE)
    broker.create_topic(topic, PARTITIONS)
    sink = kind(directory, broker, topic)
    process = Process(sink.command, directory / "log")
    stream = Stream(broker.address, topic, PARTITIONS, Readings(choose.random()), RATE)
    try:
        told = kill_often(process, sink, kills, number % 2 == 1, choose)
        stream.finish()
        settle(process, str(uri), len(stream.ledger))
    finally:
        stream.stopped.set()
        process.kill()
    found = collections.Counter(catalog(str(uri)).load_table(TABLE).scan(selected_fields=("seq",)).to_arrow()["seq"].to_pylist())
    wanted = collections.Counter(stream.rows())
    missing = sorted((wanted - found).elements())
    lost, more = len(missing), (found - wanted).total()
    which = f"{lost} (of {missing[0]} to {missing[-1]})" if missing else lost
    kinds = [f"{len(list(same))} {kind}" for kind, same in itertools.groupby(told)]
    print(f"| {number} | {', '.join(kinds)} | {wanted.total()} | {which} | {more} |", flush=True)
    return wanted.total(), lost, more


def main():
    kinds = {"connect": Connect, "icesink": Icesink}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sink", choices=kinds)
    parser.add_argument("--lives", type=int, default=4)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    choose = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="icesink-torture-") as work:
        broker = Broker(pathlib.Path(work) / "broker")
        try:
            print(f"| life of {options.sink} | kills | records | lost | too many |\n|---|---|---|---|---|", flush=True)
            lives = [live(kinds[options.sink], pathlib.Path(work) / f"life-{n}", broker, n, options.kills, choose)
                     for n in range(1, options.lives + 1)]
        finally:
            broker.stop()
    records, lost, more = (sum(column) for column in zip(*lives))
    print(f"| all | {options.lives * options.kills} | {records} | {lost} | {more} |")


if __name__ == "__main__":
    main()
