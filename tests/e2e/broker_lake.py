"""A lake whose topic is at a real broker, and what its tests share."""
import contextlib
import itertools
import json
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

import fastavro
from lake import Lake, decode
from services import Registry

CONFIG = """\
name: health
source:
  kafka: {{brokers: "{brokers}", topics: [{topic}], group: {topic}-sink, discovery_interval: 1s{more}}}
  decode: {{registry: "{registry}"}}
pipeline: {{preset: health}}
tables: {{data: health_db.health_data_raw, dead_letters: health_db.health_data_errors, create: true}}
{tables}
commit: {{interval: {interval}}}
memory: {memory}
http: "{http}"
"""
TABLES = "catalog: {name: health_catalog, uri: catalog.db, warehouse: warehouse}"
GENERATOR_SCHEMA_ID = 1
# Read from the clock in each run; everything else has to be the same.
CLOCK_COLUMNS = {"processing_time", "error_timestamp"}


class BrokerLake(Lake):
    """A lake whose topic is at a broker. What is generated on disk is what is produced."""

    tables = TABLES

    def __init__(self, directory, broker, registry, topic, **options):
        self.broker = broker
        self.registry = registry.url if isinstance(registry, Registry) else registry
        self.registered = registry.register if isinstance(registry, Registry) else None
        self.topic = topic
        self.brokers = broker.address
        self.schema_id = None
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(directory, **options)

    def configure(self, interval="1s", memory="128MB", http="off", more="", policies="", **_):
        self.text = CONFIG.format(brokers=self.brokers, topic=self.topic, registry=self.registry, interval=interval,
                                  memory=memory, http=http, more=more, tables=self.tables) + policies + "\n"
        (self.directory / "icesink.yaml").write_text(self.text)

    def set_pipeline(self, text):
        """A pipeline spelled out, in place of the preset."""
        indented = "".join(f"  {line}\n" for line in text.splitlines())
        self.text = self.text.replace("pipeline: {preset: health}\n", f"pipeline:\n{indented}")
        (self.directory / "icesink.yaml").write_text(self.text)

    def records_in_table(self):
        """How many records the position says are in the tables."""
        found = self.run("verify", "health_db.health_data_raw", "--config", "icesink.yaml", "--json", check=False)
        return json.loads(found.stdout)[0]["records"] if found.returncode == 0 and found.stdout else 0

    def prepare(self, messages):
        """Generate on disk; the records in their order, with the id that the registry has for the schema."""
        self.generate(messages)
        schema = (self.directory / "kafka/schemas/1.avsc").read_text()
        self.schema_id = self.registered(f"{self.topic}-value", schema)
        assert self.schema_id != GENERATOR_SCHEMA_ID
        return [(p, self.translate(v, GENERATOR_SCHEMA_ID, self.schema_id)) for p, _, v in self.records()]

    @staticmethod
    def translate(value, from_id, to_id):
        same = value[:1] == b"\0" and value[1:5] == struct.pack(">I", from_id)
        return value[:1] + struct.pack(">I", to_id) + value[5:] if same else value

    def start_service(self, config="icesink.yaml", log=None):
        """A process that runs until it is stopped; its log goes to a pipe, or is appended to the file `log`."""
        with (log.open("a") if log else contextlib.nullcontext(subprocess.PIPE)) as stderr:
            return subprocess.Popen(self.command("run", config), cwd=self.directory, env=self.environment(),
                                    stdout=subprocess.DEVNULL, stderr=stderr, text=True)

    def count_rows(self):
        return self.table("health_data_raw").scan(selected_fields=("sample_id",)).to_arrow().num_rows


def interleaved(records):
    """The records so that every stretch has some of every partition; each partition stays in order."""
    partitions = {}
    for record in records:
        partitions.setdefault(record[0], []).append(record)
    turns = itertools.zip_longest(*partitions.values())
    return [record for turn in turns for record in turn if record]


def contents(lake, name, schema_id):
    """All rows of a table, as they would be had the registry given the id that the generator uses."""
    table = lake.table(name)
    rows = table.scan().to_arrow()
    rows = rows.drop_columns([c for c in rows.column_names if c in CLOCK_COLUMNS]).to_pylist()
    for row in rows:
        if row.get("raw_bytes") is not None:
            row["raw_bytes"] = BrokerLake.translate(row["raw_bytes"], schema_id, GENERATOR_SCHEMA_ID)
        if row.get("raw_payload") is not None:
            row["raw_payload"] = BrokerLake.translate(row["raw_payload"].encode(), schema_id, GENERATOR_SCHEMA_ID).decode()
    return sorted(rows, key=repr)


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return 0, ""


def table_rows(lake):
    try:
        return lake.count_rows()
    except Exception:  # pylint: disable=broad-except
        return 0


def row_count_from(lake, kept):
    """Rows of the messages that `kept` says yes to."""
    schema = fastavro.parse_schema(json.loads((lake.directory / "kafka/schemas/1.avsc").read_text()))
    verdicts = lake.ledger()
    count = 0
    for partition, offset, value in lake.records():
        verdict = verdicts[partition, offset]
        if not kept(partition, offset) or (verdict["error_type"] and verdict["element_index"] < 0):
            continue
        count += len(decode(schema, value)["samples"]) - bool(verdict["error_type"])
    return count
