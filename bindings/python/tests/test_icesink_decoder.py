"""Decoders: records in, rows and dead letters out, by pipelines that a program spells out."""

import datetime
import json

import icesink
import pyarrow as pa
import pytest

PIPELINE = {
    "columns": {
        "id": {"path": "id", "type": "long", "required": True},
        "kind": {"path": "kind", "type": "string"},
        "price": {"path": "price", "type": "decimal(9,2)"},
        "at": {"path": "at", "type": "timestamptz"},
        "tags": {"path": "tags", "type": "list<string>"},
        "topic": {"value": "kafka_topic", "type": "string"},
        "key": {"value": "kafka_key", "type": "binary"},
        "sent": {"value": "kafka_timestamp", "type": "timestamp"},
    },
    "filter": [{"name": "tests", "when": {"kind": "test"}}],
    "validate": [{"rule": "between", "column": "id", "min": 0}],
    "route": [{"when": {"kind": "gift"}, "table": "shop.gifts"}],
}
SETTINGS = {
    "name": "orders",
    "source.decode.format": "json",
    "tables": {"data": "shop.orders", "dead_letters": "shop.errors"},
    "pipeline": PIPELINE,
}


def record(offset, value, key=None):
    return icesink.Record("orders", 2, offset, 1000, key, None if value is None else json.dumps(value).encode())


@pytest.fixture
def decoder():
    with icesink.Decoder(SETTINGS) as opened:
        yield opened


def test_records_become_rows_of_their_tables_and_dead_letters(decoder):
    assert decoder.tables == ["shop.orders", "shop.gifts", "shop.errors"] and decoder.dead_letter_table == "shop.errors"
    decoder.add(
        [
            record(0, {"id": 1, "price": "12.50", "at": "2024-01-01T01:00:00+01:00", "tags": ["a", None]}, b"key"),
            record(1, {"id": 2, "kind": "gift"}),
            record(2, {"id": 3, "kind": "test"}),
            record(3, {"id": -4}),
            record(4, {"kind": "none"}),
            record(5, {"id": "x"}),
            record(6, None),
        ]
    )
    decoder.add([("orders", 2, 7, 1000, None, b"{")])
    assert decoder.counts == icesink.Counts(records=8, elements=8, rows=2, dead_letters=5, filtered=1)
    sent = datetime.datetime(1970, 1, 1, 0, 0, 1)
    everywhere = {"topic": "orders", "sent": sent}
    first, gift = decoder.take().to_pylist(), decoder.take(1).to_pylist()
    at = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    assert [{**row, "price": str(row["price"])} for row in first] == [
        {"id": 1, "kind": None, "price": "12.50", "at": at, "tags": ["a", None], "key": b"key", **everywhere}
    ]
    nothing = dict.fromkeys(("price", "at", "tags", "key"))
    assert gift == [{"id": 2, "kind": "gift", **nothing, **everywhere}]
    errors = sorted(decoder.dead_letters().to_pylist(), key=lambda e: e["kafka_offset"])
    assert [(e["kafka_offset"], e["error_type"]) for e in errors] == [
        (3, "validation_error"),
        (4, "validation_error"),
        (5, "transformation_error"),
        (6, "deserialization_error"),
        (7, "deserialization_error"),
    ]
    assert {(e["kafka_topic"], e["kafka_partition"]) for e in errors} == {("orders", 2)}
    assert [len(decoder.take(i)) for i in (0, 1, 2, -1)] == [0, 0, 0, 0]
    with pytest.raises(IndexError):
        decoder.take(3)


def test_what_it_gives_goes_into_tables_with_its_columns(lake, decoder):
    with lake.open() as catalog:
        catalog.create_namespace("shop")
        decoder.add([record(i, {"id": i}) for i in range(100)] + [record(100, {})])
        for i, name in enumerate(decoder.tables):
            table = catalog.create_table(name, decoder.schema(i))
            table.append(decoder.take(i), writer="orders", number=100)
    assert sorted(lake.read("shop.orders").column("id").to_pylist()) == list(range(100))
    assert lake.read("shop.errors").column("kafka_offset").to_pylist() == [100]


def test_batches_of_a_decoder_outlast_it(decoder):
    decoder.add([record(0, {"id": 5})])
    batch, schema = decoder.take(), decoder.schema()
    decoder.close()
    assert pa.record_batch(batch).to_pylist()[0]["id"] == 5 and pa.schema(schema).names == list(PIPELINE["columns"])
    for use in (decoder.take, decoder.dead_letters, lambda: decoder.counts, lambda: decoder.add([])):
        with pytest.raises(icesink.InvalidState, match="closed"):
            use()


def test_settings_that_cannot_be_are_named():
    with pytest.raises(icesink.InvalidArgument, match="name"):
        icesink.Decoder({k: v for k, v in SETTINGS.items() if k != "name"})
    with pytest.raises(icesink.InvalidArgument, match="nothing"):
        icesink.Decoder({**SETTINGS, "pipeline": {"columns": {"a": {"path": "a", "type": "nothing"}}}})
    with pytest.raises(icesink.InvalidArgument, match="pipeline: write it into x.yaml"):
        icesink.Decoder(SETTINGS, config="x.yaml")


def test_a_registry_that_is_down_is_an_error_to_repeat_not_a_dead_letter(tmp_path):
    settings = {**SETTINGS, "source.decode.format": "avro", "source.decode.registry": "http://127.0.0.1:1"}
    with icesink.Decoder(settings) as decoder:
        for _ in range(2):
            with pytest.raises(icesink.IcesinkError) as caught:
                decoder.add([icesink.Record("t", 0, 0, 0, None, b"\0\0\0\0\1abc")])
            assert caught.value.retryable and not caught.value.fatal
        assert decoder.counts.records == 0 and len(decoder.dead_letters()) == 0
