"""The transformer, the validator, the catalog, the table manager and error records, in plain Python."""

import collections
import copy
import datetime
import io
import json
import logging
import pickle
import struct

import fastavro
import icesink
import pyarrow as pa
import pytest
from conftest import ROOT
from flink_consumer import _health
from flink_consumer.config.settings import Settings
from flink_consumer.converters.health_data_transformer import HealthDataTransformer
from flink_consumer.iceberg.catalog import IcebergCatalog
from flink_consumer.iceberg.sink import IcebergErrorSink
from flink_consumer.iceberg.table_manager import IcebergTableManager
from flink_consumer.validators.health_data_validator import HealthDataValidator

AVRO = {
    "type": "record",
    "name": "HealthDataPayload",
    "fields": [
        *({"name": n, "type": "string"} for n in ("deviceId", "userId", "timestamp", "appVersion")),
        {
            "name": "samples",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Sample",
                    "fields": [
                        {"name": "id", "type": "string"},
                        {"name": "type", "type": "string"},
                        {"name": "value", "type": "double"},
                        {"name": "unit", "type": "string"},
                        {"name": "startDate", "type": "string"},
                        {"name": "endDate", "type": "string"},
                        {"name": "sourceBundle", "type": ["null", "string"]},
                        {"name": "metadata", "type": {"type": "map", "values": "string"}},
                        {"name": "isSynced", "type": "boolean"},
                        {"name": "createdAt", "type": "string"},
                    ],
                },
            },
        },
    ],
}
SAMPLE = {
    "id": "s1",
    "type": "heartRate",
    "value": 72.5,
    "unit": "count/min",
    "startDate": "2024-03-01T10:00:00+02:00",
    "endDate": "2024-03-01T08:00:10.123456789Z",
    "sourceBundle": None,
    "metadata": {"a": "b"},
    "isSynced": True,
    "createdAt": "2024-03-01T08:01:00",
}
PAYLOAD = {
    "deviceId": "d",
    "userId": "u",
    "timestamp": "2024-03-01T08:02:00Z",
    "appVersion": "1.0",
    "samples": [SAMPLE],
}
ROW = {
    "device_id": "d",
    "user_id": "u",
    "sample_id": "s1",
    "data_type": "heartRate",
    "value": 72.5,
    "unit": "count/min",
    "start_date": datetime.datetime(2024, 3, 1, 8),
    "end_date": datetime.datetime(2024, 3, 1, 8, 0, 10, 123456),
    "source_bundle": None,
    "metadata": {"a": "b"},
    "is_synced": True,
    "created_at": datetime.datetime(2024, 3, 1, 8, 1),
    "payload_timestamp": datetime.datetime(2024, 3, 1, 8, 2),
    "app_version": "1.0",
}
KafkaRow = collections.namedtuple("KafkaRow", "topic partition offset timestamp key value")
DOCUMENTED = [
    "error_id",
    "error_type",
    "error_message",
    "error_timestamp",
    "raw_payload",
    "user_id",
    "device_id",
    "sample_id",
    "data_type",
    "kafka_topic",
    "kafka_partition",
    "kafka_offset",
]


def payload(*changes, **parent):
    """A message with one sample for each set of changes; a value of ... removes the field."""
    made = copy.deepcopy({**PAYLOAD, **parent, "samples": [{**SAMPLE, **c} for c in changes]})
    for part in [made, *made["samples"]]:
        for name in [n for n, v in part.items() if v is ...]:
            del part[name]
    return made


def wire(message, schema_id=1):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(AVRO)), message)
    return struct.pack(">bI", 0, schema_id) + out.getvalue()


def without_time(row):
    assert isinstance(row["processing_time"], datetime.datetime)
    return {k: v for k, v in row.items() if k != "processing_time"}


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "1.avsc").write_text(json.dumps(AVRO))
    flat = {
        "type": "record",
        "name": "Other",
        "fields": [
            {
                "name": "samples",
                "type": {
                    "type": "array",
                    "items": {"type": "record", "name": "S", "fields": [{"name": "id", "type": "string"}]},
                },
            }
        ],
    }
    (schemas / "2.avsc").write_text(json.dumps(flat))
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", f"file:{schemas}")
    monkeypatch.setenv("ICEBERG_CATALOG_URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv("ICEBERG_WAREHOUSE", f"{tmp_path}/warehouse")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def transformer():
    made = HealthDataTransformer()
    yield made
    made.close()


@pytest.fixture
def validator():
    made = HealthDataValidator()
    yield made
    made.close()


# The transformer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["dict", "bytes", "row of bytes", "row of a dict", "dict with coordinates"])
def test_every_form_of_a_record_gives_the_same_rows(form, transformer):
    message = payload({}, {"id": "s2", "type": "steps", "value": 10.0, "sourceBundle": "app"})
    place = {"topic": "t", "partition": 3, "offset": 42, "timestamp": 5, "key": b"k"}
    record = {
        "dict": message,
        "bytes": wire(message),
        "row of bytes": KafkaRow(**place, value=wire(message)),
        "row of a dict": KafkaRow(**place, value=message),
        "dict with coordinates": {**place, "value": wire(message)},
    }[form]
    rows = list(transformer.flat_map(record))
    assert [without_time(r) for r in rows] == [
        ROW,
        {**ROW, "sample_id": "s2", "data_type": "steps", "value": 10.0, "source_bundle": "app"},
    ]
    assert list(rows[0]) == list(_health.PATHS) and not transformer.failed
    assert rows[0].coordinates[:3] == (("t", 3, 42) if "row" in form or "coordinates" in form else ("", -1, -1))


DAMAGE = [
    (b"", None, "deserialization_error"),
    (b"xx", None, "deserialization_error"),
    (b"\1" + wire(PAYLOAD)[1:], None, "deserialization_error"),
    (wire(PAYLOAD)[:-1], None, "deserialization_error"),
    (wire(PAYLOAD) + b"\0", None, "deserialization_error"),
    (wire(PAYLOAD, schema_id=9), None, "deserialization_error"),
    (wire(PAYLOAD).replace(b"count/min", b"count\xffmin"), 0, "deserialization_error"),
    (struct.pack(">bI", 0, 2) + b"\2\2a\0", None, "schema_error"),
    (wire(payload({"startDate": "no date"})), 0, "transformation_error"),
    (wire(payload({}, {"endDate": "2024-13-01"})), 1, "transformation_error"),
    (payload({"value": "much"}), 0, "transformation_error"),
    (payload({"userId": 1}, userId=...), 0, "validation_error"),
    (payload({"unit": ""}), 0, "validation_error"),
    (payload({"id": None}), 0, "validation_error"),
]


@pytest.mark.parametrize("record, index, error_type", DAMAGE, ids=range(len(DAMAGE)))
def test_what_cannot_become_a_row_is_an_error_record(record, index, error_type, transformer):
    rows, errors = transformer.transform(KafkaRow("t", 3, 42, 5, None, record))
    assert [(e["error_type"], e["element_index"]) for e in errors] == [(error_type, index)]
    (error,) = errors
    assert (error["kafka_topic"], error["kafka_partition"], error["kafka_offset"]) == ("t", 3, 42)
    assert list(error)[:12] == DOCUMENTED and error["error_message"]
    assert error["raw_bytes"] == (record if isinstance(record, bytes) else None)
    assert len(rows) == (1 if index == 1 else 0)
    # The same fault has the same id on every reading.
    assert (
        HealthDataTransformer().transform(KafkaRow("t", 3, 42, 5, None, record)).errors[0]["error_id"]
        == error["error_id"]
    )
    (bare,) = transformer.transform(record).errors
    assert (bare["kafka_topic"], bare["kafka_partition"], bare["kafka_offset"]) == ("", -1, -1)
    assert bare["error_id"] != transformer.transform(record).errors[0]["error_id"]


def test_missing_fields_are_named_by_their_columns(transformer):
    errors = (
        transformer.transform(payload({}, deviceId=...)).errors + transformer.transform(payload({"type": ...})).errors
    )
    assert [e["error_message"] for e in errors] == [
        "Missing required field: device_id",
        "Missing required field: data_type",
    ]


def test_rules_are_the_validator_s_business(transformer, validator):
    rows, errors = transformer.transform(payload({"value": 300.0}, {"value": float("nan")}, {}))
    assert not errors and [validator.filter(row) for row in rows] == [False, False, True]
    assert validator.failed == {"validation_error": 2}


def test_errors_that_nobody_takes_are_counted_and_logged(transformer, caplog):
    caplog.set_level(logging.WARNING, "flink_consumer")
    assert list(transformer.flat_map(b"xx")) == [] and list(transformer.flat_map(payload({"startDate": "x"}))) == []
    assert transformer.failed == {"deserialization_error": 1, "transformation_error": 1}
    assert [r.getMessage() for r in caplog.records] == [
        "Error recorded: deserialization_error",
        "Error recorded: transformation_error",
    ]
    assert caplog.records[0].error_type == "deserialization_error" and caplog.records[0].count == 1


def test_what_is_no_record_is_a_type_error(transformer, validator):
    for record in (None, 5, "text", {"a": 1}, ("a", "b")):
        with pytest.raises(TypeError, match="health data"):
            transformer.transform(record)
    with pytest.raises(TypeError, match="health data"):
        validator.filter(5)


def test_a_registry_that_is_down_is_no_bad_record(monkeypatch):
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    transformer = HealthDataTransformer()
    with pytest.raises(icesink.IcesinkError) as caught:
        transformer.transform(wire(PAYLOAD))
    assert caught.value.retryable


def test_both_may_be_pickled(transformer, validator):
    list(transformer.flat_map(PAYLOAD))
    (row,) = pickle.loads(pickle.dumps(transformer)).flat_map(PAYLOAD)
    assert without_time(row) == ROW
    assert pickle.loads(pickle.dumps(validator)).filter(pickle.loads(pickle.dumps(row)))


# The validator --------------------------------------------------------------------------------------------------------

BAD_ROWS = [
    ({"user_id": ""}, "Missing required field: user_id"),
    ({"device_id": None}, "Missing required field: device_id"),
    ({"value": float("nan")}, "value NaN is not finite"),
    ({"value": float("inf")}, "is not finite"),
    ({"value": -1.0}, "value -1 is"),
    ({"value": 19.0}, "outside 20 to 250 (data_type heartRate)"),
    ({"value": 251}, "outside 20 to 250 (data_type heartRate)"),
    ({"data_type": "oxygenSaturation", "value": 101.0}, "data_type oxygenSaturation"),
    ({"end_date": datetime.datetime(2024, 2, 1)}, "end_date"),
]


@pytest.mark.parametrize("change, message", BAD_ROWS, ids=range(len(BAD_ROWS)))
def test_a_rule_that_fails_gives_its_cause(change, message, validator):
    row = {**ROW, **change}
    (error,) = validator.validate(row)
    assert error["error_type"] == "validation_error" and message in error["error_message"]
    assert list(error)[:12] == DOCUMENTED and error["raw_bytes"] is None and error["element_index"] is None
    assert not validator.filter(row)


def test_good_rows_pass_in_every_form(validator):
    assert validator.filter(ROW)
    assert validator.filter({**ROW, "data_type": "something new", "value": 1e9})
    values = {**ROW, "processing_time": datetime.datetime(2024, 3, 2)}
    ordered = [values[column] for column in _health.PATHS]
    assert validator.filter(ordered) and validator.filter(tuple(ordered))
    assert validator.filter(collections.namedtuple("Row", _health.PATHS)(*ordered))
    assert validator.filter(PAYLOAD) and validator.filter(wire(PAYLOAD))
    assert not validator.filter(payload({}, {"value": 1.0})) and not validator.filter(wire(payload({"value": 1.0})))


def test_a_row_s_error_has_the_coordinates_of_its_record(transformer, validator):
    rows = transformer.flat_map(KafkaRow("t", 3, 42, 5, None, payload({"value": 1.0}, {"id": "s2", "value": 2.0})))
    errors = [error for row in rows for error in validator.validate(row)]
    assert [(e["kafka_topic"], e["kafka_partition"], e["kafka_offset"], e["sample_id"]) for e in errors] == [
        ("t", 3, 42, "s1"),
        ("t", 3, 42, "s2"),
    ]
    assert errors[0]["error_id"] != errors[1]["error_id"]


def test_the_preset_is_read_whole():
    preset = (ROOT / "presets/health.yaml").read_text()
    assert _health.PRESET == preset and _health.ELEMENTS == "samples"
    decoder = icesink.Decoder(
        {
            "name": "n",
            "preset": "health",
            "tables.data": "d.t",
            "tables.dead_letters": "d.e",
            "source.decode.format": "json",
        }
    )
    assert list(_health.PATHS) == decoder.schema().names
    assert [column for column, path in _health.PATHS.items() if path is None] == ["processing_time"]
    lines = [line for line in preset.splitlines() if line not in _health._WITHOUT_RULES.splitlines()]
    assert lines[0] == "validate:" and all(line.startswith("  - {rule: ") for line in lines[1:]) and len(lines) == 12


# Catalog and tables ---------------------------------------------------------------------------------------------------


def check_tables(load):
    raw, errors = load("health_db.health_data_raw"), load("health_db.health_data_errors")
    assert [f.name for f in raw.schema().fields] == list(_health.PATHS)
    assert [f.name for f in raw.schema().fields if not f.required] == ["source_bundle", "metadata"]
    assert [f.name for f in errors.schema().fields] == [*DOCUMENTED, "element_index", "raw_bytes"]
    assert [str(f.transform) for f in raw.spec().fields] == ["day", "identity"]
    assert [str(f.transform) for f in errors.spec().fields] == ["day", "identity"]
    return raw, errors


def sql_catalog(directory, name="health_catalog"):
    from pyiceberg.catalog.sql import SqlCatalog

    return SqlCatalog(name, uri=f"sqlite:///{directory}/catalog.db", warehouse=f"file://{directory}/warehouse")


def test_catalog_makes_its_namespace_and_the_manager_the_tables(tmp_path):
    settings = Settings()
    with IcebergCatalog(settings) as catalog:
        assert catalog.initialize() is True and catalog.name == "health_catalog"
        assert catalog.catalog.list_namespaces() == ["health_db"] and catalog.catalog.list_tables("health_db") == []
        for _ in range(2):
            assert IcebergTableManager(settings, catalog).initialize_all_tables() is True
        check_tables(sql_catalog(tmp_path).load_table)


def test_manager_takes_icesink_s_and_pyiceberg_s_catalogs(tmp_path):
    settings = Settings()
    with icesink.open(
        {"catalog.name": "other", "catalog.uri": f"{tmp_path}/catalog.db", "catalog.warehouse": f"{tmp_path}/warehouse"}
    ) as catalog:
        assert IcebergTableManager(settings, catalog).initialize_all_tables() is True
    check_tables(sql_catalog(tmp_path, "other").load_table)
    theirs = sql_catalog(tmp_path, "theirs")
    theirs.create_tables()
    for _ in range(2):
        assert IcebergTableManager(settings, theirs).initialize_all_tables() is True
    check_tables(theirs.load_table)
    with pytest.raises(TypeError, match="no catalog"):
        IcebergTableManager(settings, object()).initialize_all_tables()


def test_rows_and_errors_fit_the_tables(tmp_path, transformer):
    settings = Settings()
    rows, errors = transformer.transform(KafkaRow("t", 0, 1, 2, None, wire(payload({}, {"startDate": "x"}))))
    errors = [
        *errors,
        {
            "element_index": None,
            "raw_bytes": None,
            **IcebergErrorSink(settings, None).create_error_record("validation_error", "a rule", raw_payload=PAYLOAD),
        },
    ]
    with IcebergCatalog(settings) as catalog:
        IcebergTableManager(settings, catalog).initialize_all_tables()
        for name, records in (("health_data_raw", rows), ("health_data_errors", errors)):
            table = catalog.catalog.load_table(f"health_db.{name}")
            records = [{k: list(v.items()) if isinstance(v, dict) else v for k, v in r.items()} for r in records]
            table.append(pa.Table.from_pylist(records, schema=pa.schema(table.schema)))
    raw, failed = check_tables(sql_catalog(tmp_path).load_table)
    assert raw.scan().to_arrow().num_rows == 1
    assert sorted(failed.scan().to_arrow().column("error_type").to_pylist()) == [
        "transformation_error",
        "validation_error",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"ICEBERG_CATALOG_TYPE": "rest", "ICEBERG_CATALOG_URI": "http://127.0.0.1:1"},
        {"ICEBERG_CATALOG_URI": ""},
        {"ICEBERG_CATALOG_URI": "sqlite:////proc/no/such/catalog.db"},
    ],
)
def test_a_catalog_that_fails_says_it_in_the_known_words(change, monkeypatch):
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    with pytest.raises(icesink.IcesinkError) as caught:
        IcebergCatalog(settings).initialize()
    assert str(caught.value).startswith("Failed to register Iceberg catalog")


def test_a_table_that_is_not_there_is_named(tmp_path):
    with IcebergCatalog(Settings()) as catalog:
        with pytest.raises(icesink.NotFound) as caught:
            catalog.catalog.load_table("health_db.health_data_raw")
    assert str(caught.value).startswith("Table does not exist: health_db.health_data_raw")


# Error records --------------------------------------------------------------------------------------------------------


def test_error_records_have_the_twelve_keys():
    sink = IcebergErrorSink(Settings(), None)
    record = sink.create_error_record("validation_error", "why")
    assert list(record) == DOCUMENTED
    assert record["error_type"] == "validation_error" and record["error_message"] == "why"
    assert (record["kafka_topic"], record["kafka_partition"], record["kafka_offset"]) == ("", -1, -1)
    assert all(record[name] is None for name in ("raw_payload", "user_id", "device_id", "sample_id", "data_type"))
    full = sink.create_error_record(
        error_type="t",
        error_message="m",
        raw_payload="p",
        user_id="u",
        device_id="d",
        sample_id="s",
        data_type="heartRate",
        kafka_topic="topic",
        kafka_partition=1,
        kafka_offset=2,
    )
    assert {k: full[k] for k in full if k not in ("error_id", "error_timestamp")} == {
        "error_type": "t",
        "error_message": "m",
        "raw_payload": "p",
        "user_id": "u",
        "device_id": "d",
        "sample_id": "s",
        "data_type": "heartRate",
        "kafka_topic": "topic",
        "kafka_partition": 1,
        "kafka_offset": 2,
    }
    assert abs(
        full["error_timestamp"] - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    ) < datetime.timedelta(minutes=1)


def test_error_ids_are_the_same_for_the_same_fault_of_the_same_record():
    make = IcebergErrorSink(Settings(), None).create_error_record
    place = {"kafka_topic": "t", "kafka_partition": 1, "kafka_offset": 2}
    assert make("a", "b", **place)["error_id"] == make("a", "b", **place)["error_id"]
    assert make("a", "b", **place)["error_id"] != make("a", "b", **{**place, "kafka_offset": 3})["error_id"]
    assert make("a", "b")["error_id"] != make("a", "b")["error_id"]


@pytest.mark.parametrize(
    "given, kept",
    [
        ("ä" * 40000, "ä" * 32768),
        ({"a": float("nan"), "b": b"\0"}, '{"a": "NaN", "b": "AA=="}'),
        (b"text", "text"),
        (b"\xff", None),
        ("\ud800", "?"),
        ("x" + "🏔" * 20000, "x" + "🏔" * 16383),
    ],
)
def test_payloads_are_text_within_their_limit(given, kept):
    assert IcebergErrorSink(Settings(), None).create_error_record("a", "b", raw_payload=given)["raw_payload"] == kept
