"""JSON values: the same tables as from Avro, through the log on disk and through a real broker and registry."""
import datetime
import decimal
import json
import os
import struct
import subprocess
import uuid

import pytest
from lake import BINARY, ROOT, UTC, Lake, dead_key, parse_segment, to_utc
from pyiceberg.catalog.sql import SqlCatalog
from services import Broker, Registry

# Read from the clock in each run.
CLOCK_COLUMNS = {"processing_time", "error_timestamp"}
CONFIG = """\
name: health
source:
  {source}
  decode: {{format: {format}, registry: "{registry}"}}
pipeline: {{preset: health}}
tables: {{data: health_db.health_data_raw, dead_letters: health_db.health_data_errors, create: true}}
catalog: {{name: health_catalog, uri: catalog.db, warehouse: warehouse}}
commit: {{interval: 1s}}
http: "off"
"""


class JsonLake(Lake):
    """A lake whose messages are JSON text."""

    def __init__(self, directory, source="segment: {directory: kafka, topic: health-data-raw}", format="json",
                 registry="", **options):
        directory.mkdir(parents=True, exist_ok=True)
        self.text = CONFIG.format(source=source, format=format, registry=registry)
        super().__init__(directory, **options)

    def configure(self, **_):
        (self.directory / "icesink.yaml").write_text(self.text)

    def generate(self, messages):
        self.run("gen", "--directory", "kafka", "--format", "json", "--partitions", self.partitions, "--messages",
                 messages, "--bad", self.bad, "--seed", self.seed, "--compression", self.compression, "--ledger",
                 "ledger.ndjson")

    def expected(self):
        """As Lake's, with Python's own reader in place of fastavro."""
        ledger = self.ledger()
        rows, dead = [], []
        for partition, offset, value in self.records():
            verdict = ledger[partition, offset]
            bad = verdict["element_index"] if verdict["error_type"] else None
            if verdict["error_type"]:
                dead.append((partition, offset, None if bad < 0 else bad, verdict["error_type"]))
                if bad < 0:
                    continue
            for i, sample in enumerate(json.loads(value.decode(errors="replace"))["samples"]):
                if i != bad:
                    rows.append((sample["id"], to_utc(sample["startDate"]), sample["value"], sample["type"]))
        return sorted(rows), sorted(dead, key=dead_key)


def contents(lake, name):
    table = lake.table(name).scan().to_arrow()
    rows = table.drop_columns([c for c in table.column_names if c in CLOCK_COLUMNS]).to_pylist()
    return sorted(rows, key=repr)


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_what_comes_as_text_is_what_comes_as_avro(tmp_path, compression):
    avro = Lake(tmp_path, partitions=3, bad=10, compression=compression)
    text = JsonLake(tmp_path / "json", partitions=3, bad=10, compression=compression)
    for lake in (avro, text):
        lake.generate(20000)
        lake.sink()
        lake.verify()
    assert avro.ledger() == text.ledger()
    text.assert_conserved()
    rows = contents(text, "health_data_raw")
    assert len(rows) > 50000
    assert rows == contents(avro, "health_data_raw")
    same_letters(contents(avro, "health_data_errors"), contents(text, "health_data_errors"))


def same_letters(avro, text):
    by_id = {letter["error_id"]: letter for letter in avro}
    assert len(avro) > 1000 and set(by_id) == {letter["error_id"] for letter in text}
    kinds = set()
    for letter in text:
        other = by_id[letter["error_id"]]
        if letter["element_index"] is None:
            # The damage is the same in kind alone.
            assert letter["error_message"].startswith("JSON: ")
            different = {"error_message", "raw_payload", "raw_bytes"}
        else:
            assert json.loads(letter["raw_payload"]) == json.loads(other["raw_payload"])
            different = {"raw_payload", "raw_bytes"}
        kinds.add((letter["error_type"], letter["error_message"].split(" ")[0]))
        assert (letter["raw_bytes"] is None) == (other["raw_bytes"] is None)
        assert {k: v for k, v in letter.items() if k not in different} == {
            k: v for k, v in other.items() if k not in different}
    assert len({kind for kind, _ in kinds}) == 3 and len(kinds) >= 6


def test_the_schema_registry_s_framing_through_a_broker(tmp_path):
    broker = Broker(tmp_path / "broker")
    registry = Registry(tmp_path / "registry")
    try:
        plain = JsonLake(tmp_path / "plain", partitions=2)
        plain.generate(4000)
        plain.sink()
        avro_id = registry.register("filler", '{"type": "record", "name": "Filler", "fields": []}')
        schema = '{"type": "object", "properties": {"samples": {"type": "array"}}}'
        json_id = registry.register("health-data-raw-value", schema, "JSON")
        source = f'kafka: {{brokers: "{broker.address}", topics: [health-data-raw]}}'
        lake = JsonLake(tmp_path / "framed", source, "json_schema", registry.url, partitions=2)
        lake.directory.joinpath("kafka").symlink_to(tmp_path / "plain/kafka")
        lake.directory.joinpath("ledger.ndjson").symlink_to(tmp_path / "plain/ledger.ndjson")
        broker.create_topic("health-data-raw", 2)
        assert "ok      registry" in lake.run("check", "icesink.yaml", check=False).stdout
        broker.produce("health-data-raw", [(p, frame(json_id, v)) for p, _, v in lake.records()])
        lake.sink()
        lake.assert_conserved()
        lake.verify()
        assert contents(lake, "health_data_raw") == contents(plain, "health_data_raw")
        letters = contents(lake, "health_data_errors")
        unframed = {letter["error_id"]: letter for letter in contents(plain, "health_data_errors")}
        assert len(letters) == len(unframed)
        for letter in letters:
            assert letter["raw_payload"] == unframed[letter["error_id"]]["raw_payload"]
        # Values that are not framed, of an id that is of another language, and of one that nobody knows.
        value = b'{"samples": []}'
        broker.produce("health-data-raw", [(0, value), (0, frame(avro_id, value)), (0, frame(999999, value)),
                                           (0, frame(json_id, value))])
        lake.sink()
        new = [letter for letter in contents(lake, "health_data_errors") if letter["error_id"] not in unframed]
        assert sorted((letter["error_type"], letter["error_message"], letter["raw_payload"]) for letter in new) == [
            ("deserialization_error", "schema id 999999 is unknown to the schema registry", '{"samples": []}'),
            ("deserialization_error", "the first byte is not the registry's magic byte 0", '{"samples": []}'),
            ("schema_error", f"schema {avro_id} is no JSON schema", '{"samples": []}')]
        assert lake.verify()["records"] == 4004
    finally:
        registry.stop()
        broker.stop()


def frame(schema_id, value):
    return b"\0" + struct.pack(">I", schema_id) + value


def test_schemas_of_a_directory_tell_their_language_by_their_names(tmp_path):
    lake = JsonLake(tmp_path, format="json_schema", registry="file:schemas", partitions=1)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/7.json").write_text("{}")
    (tmp_path / "schemas/8.avsc").write_text('"string"')
    # A line of text cannot hold the framing's line feeds, and 7 and 8 are none.
    value = b'{"deviceId": "d", "userId": "u", "samples": [{"id": "s"}]}'
    (tmp_path / "values").write_bytes(b"\n".join(frame(schema_id, value) for schema_id in (7, 8, 9)) + b"\n")
    lake.run("gen", "--directory", "kafka", "--partitions", 1, "--lines", "values")
    lake.sink()
    letters = sorted((d["kafka_offset"], d["error_type"], d["error_message"])
                     for d in contents(lake, "health_data_errors"))
    assert letters == [(0, "validation_error", "Missing required field: data_type"),
                       (1, "schema_error", "schema 8 is no JSON schema"),
                       (2, "deserialization_error", "schema id 9 is unknown to the schema registry")]


def test_dead_letters_of_one_large_message_stay_within_the_budget(tmp_path):
    lake = JsonLake(tmp_path, partitions=1)
    count = 200000
    message = {"deviceId": "d", "userId": "u", "samples": [{"id": f"s{i}"} for i in range(count)]}
    (tmp_path / "values").write_text(json.dumps(message) + "\n" + json.dumps(message | {"samples": []}) + "\n")
    lake.run("gen", "--directory", "kafka", "--partitions", 1, "--lines", "values")
    found = json.loads(lake.sink("--memory=32MB").stdout)
    assert (found["elements"], found["dead_letters"], found["filtered"]) == (count + 1, count, 1)
    letters = lake.table("health_data_errors").scan(selected_fields=("sample_id", "element_index")).to_arrow()
    assert letters["element_index"].to_pylist() == list(range(count))
    assert letters["sample_id"][count - 1].as_py() == f"s{count - 1}"
    lake.verify()
    assert found["peak_budget_bytes"] <= 40 << 20


@pytest.mark.parametrize("change, status, says", [
    (("format: json,", "format: json, schema: x.avsc,"), 2, "source.decode.schema is an Avro schema"),
    (("format: json,", "format: jsn,"), 2, "source.decode.format must be avro|json|json_schema"),
    (('format: json, registry: ""', "format: json_schema"), 2, "source.decode.registry is not set"),
])
def test_wrong_settings_are_named(tmp_path, change, status, says):
    lake = JsonLake(tmp_path, partitions=1)
    lake.generate(10)
    lake.text = lake.text.replace(*change)
    lake.configure()
    done = lake.sink(check=False)
    assert (done.returncode, says in done.stderr) == (status, True), done.stderr


# The second example: another domain by configuration alone ----------------------------------------------------------

class Bad(Exception):
    """What an order is a dead letter for."""


def need(value):
    if value is None or value == "":
        raise Bad("validation_error")
    return value


def whole(value, bits):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, decimal.Decimal)) or value != int(value) or not (
            -2**(bits - 1) <= value < 2**(bits - 1)):
        raise Bad("transformation_error")
    return int(value)


def money(value):
    if value is None:
        return None
    try:
        exact = decimal.Decimal(value)
    except decimal.InvalidOperation as problem:
        raise Bad("transformation_error") from problem
    if exact != round(exact, 2) or abs(exact) >= 10**10:
        raise Bad("transformation_error")
    return round(exact, 2)


def moment(value):
    try:
        return datetime.datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError) as problem:
        raise Bad("transformation_error") from problem


def text(value):
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def judge(line):
    """The row that an order has to become, None where it is filtered: examples/orders/icesink.yaml as a person reads it."""
    try:
        order = json.loads(line, parse_float=decimal.Decimal)
    except ValueError as problem:
        raise Bad("deserialization_error") from problem
    if not isinstance(order, dict):
        raise Bad("deserialization_error")
    try:
        json.dumps(order, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as problem:
        raise Bad("deserialization_error") from problem
    row = {"order_id": need(whole(order.get("orderId"), 64)), "placed_at": moment(order.get("placedAt"))}
    customer = order.get("customer")
    if not isinstance(customer, dict):
        raise Bad("transformation_error")
    row["customer_id"] = need(text(customer.get("id")))
    row["country"] = need(text(customer.get("country")))
    row["currency"] = need(text(order.get("currency")))
    row["total"] = need(money(order.get("total")))
    row["paid"] = order.get("paid")
    row["weight_kg"] = None if order.get("weightKg") is None else float(order["weightKg"])
    row["token"] = None if order.get("token") is None else uuid.UUID(order["token"])
    row["note"] = text(order.get("note"))
    row["items"] = [{"sku": i["sku"], "quantity": whole(i["quantity"], 32), "price": money(i["price"])}
                    for i in order["items"]]
    row["attributes"] = order.get("attributes")
    if row["country"] == "XX":
        return None
    if row["currency"] not in ("EUR", "GBP", "USD") or (row["weight_kg"] or 0) < 0:
        raise Bad("validation_error")
    return row


def test_orders_become_what_python_reads_in_them(tmp_path):
    done = subprocess.run([ROOT / "examples/orders/run.sh", tmp_path / "orders", "5000"], text=True,
                          capture_output=True, timeout=300, env={**os.environ, "ICESINK_BINARY": BINARY})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no violation" in done.stdout
    rows, dead, filtered = [], [], 0
    for partition in range(3):
        log, = (tmp_path / f"orders/kafka/orders-{partition}").glob("*.log")
        for offset, value in parse_segment(log.read_bytes()):
            try:
                row = judge(value)
            except Bad as bad:
                dead.append((partition, offset, str(bad), value))
                continue
            if row is None:
                filtered += 1
            else:
                rows.append({**row, "kafka_partition": partition, "kafka_offset": offset})
    assert len(rows) + len(dead) + filtered == 5000 and filtered > 0
    assert {error for _, _, error, _ in dead} == {"deserialization_error", "transformation_error", "validation_error"}
    catalog = SqlCatalog("orders_catalog", uri=f"sqlite:///{tmp_path}/orders/catalog.db")
    found = catalog.load_table("orders_db.orders").scan().to_arrow().to_pylist()
    for row in found:
        row["token"] = row["token"] and uuid.UUID(bytes=bytes(getattr(row["token"], "bytes", row["token"])))
        row["attributes"] = row["attributes"] and dict(row["attributes"])
    by_place = {(row["kafka_partition"], row["kafka_offset"]): row for row in found}
    assert len(by_place) == len(found) == len(rows)
    for row in rows:
        assert by_place[row["kafka_partition"], row["kafka_offset"]] == row
    letters = catalog.load_table("orders_db.orders_errors").scan().to_arrow().to_pylist()
    assert sorted((d["kafka_partition"], d["kafka_offset"], d["error_type"], d["raw_bytes"]) for d in letters) == dead
    for letter in letters:
        assert letter["raw_payload"].encode() == letter["raw_bytes"]
