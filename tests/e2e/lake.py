"""What the end-to-end tests share: running the program, an independent reading of the topic, and of the tables.

The oracle is not icesink's: record batches are parsed here, Avro is decoded by fastavro, tables are read by PyIceberg,
and the verdict on each message comes from the generator's ledger.
"""
import contextlib
import datetime
import io
import json
import os
import pathlib
import signal
import struct
import subprocess
import time

import fastavro

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ICESINK_BINARY", str(ROOT / "build/release/bin/icesink"))
TEST_ALL = os.environ.get("ICESINK_TEST_ALL") == "1"
TOPIC = "health-data-raw"
UTC = datetime.timezone.utc

CONFIG = """\
name: health
source:
  segment: {{directory: kafka, topic: {topic}}}
  decode: {{registry: "file:{directory}/kafka/schemas"}}
pipeline: {{preset: health}}
tables: {{data: health_db.health_data_raw, dead_letters: health_db.health_data_errors, create: true}}
catalog: {{name: health_catalog, uri: catalog.db, warehouse: warehouse}}
commit: {{interval: {interval}}}
write: {write}
memory: {memory}
workers: {workers}
http: "off"
"""


class Lake:
    """A topic, a configuration, a catalog and two tables in one directory."""

    def __init__(self, directory, partitions=6, seed=1, bad=2, compression="none"):
        self.directory = pathlib.Path(directory)
        self.partitions = partitions
        self.seed = seed
        self.bad = bad
        self.compression = compression
        self.configure()

    def configure(self, interval="1s", memory="128MB", workers=0, write="{}"):
        text = CONFIG.format(topic=TOPIC, directory=self.directory, interval=interval, memory=memory,
                             workers=workers, write=write)
        (self.directory / "icesink.yaml").write_text(text)

    def command(self, *arguments):
        return [BINARY, *[str(a) for a in arguments]]

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ICEBERG_", "KAFKA_", "S3_", "BATCH_"))}
        return kept

    def run(self, *arguments, check=True, timeout=300):
        done = subprocess.run(self.command(*arguments), cwd=self.directory, env=self.environment(), text=True,
                              capture_output=True, timeout=timeout)
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def generate(self, messages):
        self.run("gen", "--directory", "kafka", "--topic", TOPIC, "--partitions", self.partitions, "--messages",
                 messages, "--bad", self.bad, "--seed", self.seed, "--compression", self.compression, "--ledger",
                 "ledger.ndjson")

    def sink(self, *flags, check=True):
        return self.run("run", "icesink.yaml", "--until-end", "--json", *flags, check=check)

    def start_sink(self, *flags):
        return subprocess.Popen(self.command("run", "icesink.yaml", "--until-end", "--json", *flags),
                                cwd=self.directory, env=self.environment(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)

    @contextlib.contextmanager
    def service(self):
        """A sink that goes on until the end of the block; then its log is in the process' `log`."""
        process = subprocess.Popen(self.command("run", "icesink.yaml"), cwd=self.directory, env=self.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.log = process.communicate(timeout=60)[1]
            assert process.returncode == 0, process.log
        except BaseException:
            process.kill()
            print(process.communicate()[1][-3000:])
            raise

    def verify(self, *flags):
        found = self.run("verify", "health_db.health_data_raw", "--config", "icesink.yaml", "--json", *flags, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
        sink, = json.loads(found.stdout)
        assert sink["violations"] == []
        return sink

    def catalog(self):
        from pyiceberg.catalog.sql import SqlCatalog
        return SqlCatalog("health_catalog", uri=f"sqlite:///{self.directory}/catalog.db",
                          warehouse=f"file://{self.directory}/warehouse")

    def table(self, name):
        return self.catalog().load_table(f"health_db.{name}")

    def metadata_location(self, name):
        return self.table(name).metadata_location

    # What has to be in the tables ------------------------------------------------------------------------------------

    def ledger(self):
        verdicts = {}
        for line in (self.directory / "ledger.ndjson").read_text().splitlines():
            entry = json.loads(line)
            verdicts[entry["partition"], entry["offset"]] = entry
        return verdicts

    def records(self):
        for partition in range(self.partitions):
            for path in sorted((self.directory / "kafka" / f"{TOPIC}-{partition}").glob("*.log")):
                for offset, value in parse_segment(path.read_bytes()):
                    yield partition, offset, value

    def expected(self):
        """Rows as (sample_id, start_date, value, device_id), and dead letters as coordinates with their type."""
        schema = fastavro.parse_schema(json.loads((self.directory / "kafka/schemas/1.avsc").read_text()))
        ledger = self.ledger()
        rows, dead = [], []
        for partition, offset, value in self.records():
            verdict = ledger[partition, offset]
            if verdict["error_type"]:
                index = verdict["element_index"]
                dead.append((partition, offset, None if index < 0 else index, verdict["error_type"]))
                if index < 0:
                    continue
            bad = verdict["element_index"] if verdict["error_type"] else None
            for i, sample in enumerate(decode(schema, value)["samples"]):
                if i != bad:
                    rows.append((sample["id"], to_utc(sample["startDate"]), sample["value"], sample["type"]))
        return sorted(rows), sorted(dead, key=dead_key)

    def actual(self):
        rows = self.table("health_data_raw").scan(
            selected_fields=("sample_id", "start_date", "value", "data_type")).to_arrow().to_pylist()
        dead = self.table("health_data_errors").scan(
            selected_fields=("kafka_partition", "kafka_offset", "element_index", "error_type")).to_arrow().to_pylist()
        return (sorted((r["sample_id"], r["start_date"], r["value"], r["data_type"]) for r in rows),
                sorted(((d["kafka_partition"], d["kafka_offset"], d["element_index"], d["error_type"]) for d in dead),
                       key=dead_key))

    def assert_conserved(self):
        rows, dead = self.expected()
        found_rows, found_dead = self.actual()
        assert len(found_rows) == len(rows), f"{len(found_rows)} rows, {len(rows)} expected"
        assert found_rows == rows
        assert found_dead == dead


def dead_key(letter):
    partition, offset, index, error_type = letter
    return partition, offset, -1 if index is None else index, error_type


def decode(schema, value):
    # Bytes that are no UTF-8 belong to elements which the ledger knows to be bad.
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, handle_unicode_errors="replace")


def to_utc(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(UTC).replace(tzinfo=None)


def read_varint(data, at):
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7


def decompress(codec, data):
    import pyarrow
    if codec == 0:
        return data
    name = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}[codec]
    if name == "snappy":
        size, shift, at = 0, 0, 0
        while True:
            byte = data[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                break
        return pyarrow.decompress(data, decompressed_size=size, codec=name).to_pybytes()
    return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), name).read()


def parse_segment(data):
    """Offsets and values of the records of whole batches; a torn last batch is the end."""
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            return
        attributes, = struct.unpack_from(">h", data, at + 21)
        count, = struct.unpack_from(">i", data, at + 57)
        body = decompress(attributes & 7, data[at + 61:at + 12 + length])
        place = 0
        for _ in range(count):
            size, place = read_varint(body, place)
            end = place + size
            _, inner = read_varint(body, place + 1)
            delta, inner = read_varint(body, inner)
            key_size, inner = read_varint(body, inner)
            inner += max(key_size, 0)
            value_size, inner = read_varint(body, inner)
            yield base + delta, bytes(body[inner:inner + value_size])
            place = end
        at += 12 + length


def kill_at_random_instants(lake, choose, kills, longest_s, counts):
    """Messages and a sink, over and over, until `kills` of the sinks died before they were through."""
    delivered = 0
    while delivered < kills:
        lake.generate(choose.choice(counts))
        process = lake.start_sink()
        time.sleep(choose.uniform(0.0, longest_s))
        if process.poll() is None:
            kill(process)
            delivered += 1
        else:
            assert process.returncode == 0, process.stderr.read()
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
