"""Streams of every kind into tables, refused settings, and what PyFlink has once the package is imported. Argument 1 is
the directory of the lake."""

import datetime
import decimal
import json
import pathlib
import sys

import flink_consumer  # noqa: F401
import icesink
from flink_consumer._rows import TableRows, ToRow
from flink_consumer._streams import LogErrors
from flink_consumer.config.settings import Settings
from flink_consumer.converters.health_data_transformer import HealthDataTransformer
from flink_consumer.iceberg.catalog import IcebergCatalog
from flink_consumer.iceberg.sink import IcebergErrorSink, IcebergSink
from flink_consumer.iceberg.table_manager import IcebergTableManager
from flink_consumer.services.kafka_source import _properties, create_kafka_source
from flink_consumer.validators.health_data_validator import HealthDataValidator
from pyflink.common import Instant, Row, RowKind, Types
from pyflink.datastream import RuntimeExecutionMode, StreamExecutionEnvironment

LAKE = pathlib.Path(sys.argv[1])
AT = datetime.datetime(2024, 1, 1, 1, 0, 0, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))


def refuses(kind, text, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except kind as error:
        assert text in str(error), error
        return
    raise AssertionError(f"{text}: not refused")


def field(number, name, kind, required=False):
    return {"id": number, "name": name, "type": kind, "required": required}


def create_tables(catalog):
    import pyarrow as pa

    catalog.create_namespace("other")
    kinds = [("id", pa.int64(), False), ("source", pa.string(), True), ("value", pa.float64(), True)]
    kinds.append(("at", pa.timestamp("us"), True))
    catalog.create_table("health_db.kinds", pa.schema([pa.field(n, t, nullable=x) for n, t, x in kinds]))
    wide = {
        "b": pa.bool_(),
        "i": pa.int32(),
        "l": pa.int64(),
        "f": pa.float32(),
        "d": pa.decimal128(20, 4),
        "day": pa.date32(),
        "t": pa.time64("us"),
        "tz": pa.timestamp("us", "UTC"),
        "s": pa.string(),
        "raw": pa.binary(),
        "fixed": pa.binary(3),
        "list": pa.list_(pa.string()),
        "map": pa.map_(pa.string(), pa.int64()),
        "row": pa.struct([("x", pa.int64()), ("y", pa.list_(pa.float64()))]),
    }
    catalog.create_table("health_db.wide", pa.schema(list(wide.items())))
    catalog.create_table("other.replaced", pa.schema([pa.field("id", pa.int64())]))
    catalog.load_table("other.replaced").append(pa.table({"id": pa.array([1, 2, 3], pa.int64())}))


WIDE = {
    "b": True,
    "i": -(2**31),
    "l": 2**62,
    "f": 0.5,
    "d": decimal.Decimal("-1234567890.1200"),
    "day": datetime.date(1969, 12, 31),
    "t": datetime.time(23, 59, 59, 999000),
    "tz": datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc),
    "s": "zwölf",
    "raw": b"\x00\xff",
    "fixed": b"abc",
    "list": ["a", None],
    "map": {"k": 1, "n": None},
    "row": {"x": 3, "y": [1.5, None]},
}


def write_streams(env, sink):
    rows = [(1, 0.5, AT), (2, None, None)]
    names = ["id", "source", "value", "at"]

    def of(source, make):
        return [make(number, source, value, at) for number, value, at in rows]

    streams = {
        "dict": env.from_collection(of("dict", lambda *row: dict(zip(names, row)))),
        "short dict": env.from_collection(
            of("short dict", lambda *row: {k: v for k, v in zip(names, row) if v is not None})
        ),
        "tuple": env.from_collection(of("tuple", lambda *row: row)),
        "Row": env.from_collection(of("Row", lambda *row: Row(*row))),
        "named Row": env.from_collection(
            of("named Row", lambda number, source, value, at: Row(at=at, value=value, source=source, id=number))
        ),
    }
    types = [Types.LONG(), Types.STRING(), Types.DOUBLE(), Types.INSTANT()]

    def typed(source, type_info):
        made = [Row(number, source, value, at and Instant(1704067200, 1000)) for number, value, at in rows]
        return env.from_collection([0]).flat_map(lambda _: iter(made), type_info)

    streams["typed Row"] = typed("typed Row", Types.ROW_NAMED(names, types))
    streams["typed unnamed Row"] = typed("typed unnamed Row", Types.ROW(types))
    streams["typed tuple"] = typed("typed tuple", Types.TUPLE(types))
    first, *others = streams.values()
    assert sink.write_to_iceberg(data_stream=first.union(*(others[:4])), table_name="kinds") is True
    # A second and a third sink of the same table, in the same job.
    for stream in others[4:]:
        assert sink.write_to_iceberg(stream, "health_db.kinds") is True
    (LAKE / "expected.json").write_text(json.dumps(list(streams)))
    sink.write_to_iceberg(env.from_collection([WIDE]), "wide")
    (LAKE / "wide.txt").write_text(repr({**WIDE, "tz": WIDE["tz"].isoformat()}))


def check_rows():
    required = {"type": "struct", "fields": [field(1, "id", "long", True), field(2, "i", "int")]}
    to_row = ToRow(TableRows(required), ignored=["more"])
    to_row.open(None)
    assert list(to_row.map({"id": 1, "more": 2})) == [1, None]
    kept = to_row.map(Row.of_kind(RowKind.DELETE, 1, 2))
    assert kept.get_row_kind() == RowKind.DELETE
    refuses(ValueError, "id: no value", to_row.map, {"i": 2})
    refuses(ValueError, "the table has no column other", to_row.map, {"id": 1, "other": 2})
    refuses(ValueError, "3 values for 2 columns", to_row.map, (1, 2, 3))
    refuses(ValueError, "i: 2147483648 is no whole number of 32 bits", to_row.map, (1, 2**31))
    refuses(TypeError, "id: 'float' object", to_row.map, (1.0, 2))
    refuses(TypeError, "str is no row", to_row.map, "ab")
    refuses(ValueError, "no type for Iceberg's variant", TableRows, {"fields": [field(1, "v", "variant")]})


def check_refusals(settings, env, sink):
    refuses(
        ValueError, "enable.auto.commit: true is refused", create_kafka_source, settings, {"enable.auto.commit": "true"}
    )
    refuses(icesink.NotFound, "Table does not exist: health_db.nowhere", sink.write_to_iceberg, None, "nowhere")
    source = create_kafka_source(settings)
    unbounded = env.from_source(source, "Kafka Source").map(lambda row: {"id": row.offset})
    refuses(ValueError, "has no end", sink.write_to_iceberg, unbounded, "other.replaced", overwrite=True)
    refuses(TypeError, "needs a name", env.from_source, source, None)
    settings.kafka.security_protocol, settings.kafka.sasl_mechanism = "sasl_ssl", "scram-sha-512"
    settings.kafka.sasl_username, settings.kafka.sasl_password = "alice", 'a"b'
    properties = _properties(settings.kafka)
    assert properties["sasl.jaas.config"] == (
        "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule required "
        'username="alice" password="a\\"b";'
    )
    assert (properties["security.protocol"], properties["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    create_kafka_source(settings)


def check_log(error):
    import logging

    seen = []
    handler = logging.Handler()
    handler.emit = seen.append
    logger = logging.getLogger("flink_consumer")
    logger.addHandler(handler)
    step = LogErrors("health_db.health_data_errors")
    assert [step.map(error) for _ in range(2)] == [error, error]
    logger.removeHandler(handler)
    last = seen[-1]
    assert (last.getMessage(), last.levelname) == ("Error recorded: schema_error", "WARNING")
    assert (last.error_type, last.count, last.table) == ("schema_error", 2, "health_db.health_data_errors")


def main():
    settings = Settings()
    with IcebergCatalog(settings) as catalog:
        IcebergTableManager(settings, catalog).initialize_all_tables()
        create_tables(catalog.catalog)
    check_rows()

    refused = StreamExecutionEnvironment.get_execution_environment()
    sink = IcebergSink(settings, refused)
    assert sink.initialize() is True
    check_refusals(Settings(), refused, sink)

    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(1)
    env.set_runtime_mode(RuntimeExecutionMode.BATCH)
    sink = IcebergSink(settings, env)
    write_streams(env, sink)
    errors = IcebergErrorSink(settings, sink)
    error = errors.create_error_record("schema_error", "of the user's own")
    check_log(error)
    assert errors.write_errors_to_iceberg(env.from_collection([error])) is True
    new = env.from_collection([{"id": 7}, {"id": 8}])
    assert sink.write_to_iceberg(new, "other.replaced", overwrite=True) is True
    # Nothing runs before it is asked to.
    with IcebergCatalog(settings) as catalog:
        assert sum(len(batch.to_pylist()) for batch in catalog.catalog.load_table("other.replaced").scan()) == 3
    env.execute()

    assert HealthDataTransformer.ERRORS.tag_id != HealthDataValidator.ERRORS.tag_id
    print("every check passed")


if __name__ == "__main__":
    main()
