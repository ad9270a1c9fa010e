"""Tables through the package: what goes in comes out, for PyIceberg, DuckDB and pyarrow alike."""

import datetime
import decimal
import math
import uuid

import icesink
import pyarrow as pa
import pytest

UTC = datetime.timezone.utc
COLUMNS = pa.schema(
    [
        pa.field("flag", pa.bool_()),
        pa.field("small", pa.int32()),
        pa.field("id", pa.int64(), nullable=False),
        pa.field("ratio", pa.float32()),
        pa.field("value", pa.float64()),
        pa.field("price", pa.decimal128(38, 10)),
        pa.field("day", pa.date32()),
        pa.field("time", pa.time64("us")),
        pa.field("at", pa.timestamp("us")),
        pa.field("zoned", pa.timestamp("us", "UTC")),
        pa.field("text", pa.string()),
        pa.field("data", pa.binary()),
        pa.field("digest", pa.binary(4)),
        pa.field("list", pa.list_(pa.int64())),
        pa.field("map", pa.map_(pa.string(), pa.float64())),
        pa.field("struct", pa.struct([pa.field("x", pa.int32()), pa.field("y", pa.list_(pa.string()))])),
    ]
)
ROWS = [
    {
        "flag": True,
        "small": -(2**31),
        "id": 2**63 - 1,
        "ratio": 0.5,
        "value": -1.5e300,
        "price": decimal.Decimal("1234567890123456789012345678.0123456789"),
        "day": datetime.date(1969, 12, 31),
        "time": datetime.time(23, 59, 59, 999999),
        "at": datetime.datetime(1, 1, 1),
        "zoned": datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        "text": "zwölf 🏔",
        "data": b"\0\xff",
        "digest": b"abcd",
        "list": [1, None, 3],
        "map": {"a": 1.5, "b": None},
        "struct": {"x": 1, "y": ["p", None]},
    },
    {
        "flag": False,
        "small": 0,
        "id": 0,
        "ratio": math.inf,
        "value": 0.0,
        "price": decimal.Decimal("-0.0000000001"),
        "day": datetime.date(2024, 2, 29),
        "time": datetime.time(0),
        "at": datetime.datetime(1970, 1, 1),
        "zoned": datetime.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        "text": "",
        "data": b"",
        "digest": b"\0\0\0\0",
        "list": [],
        "map": {},
        "struct": {"x": None, "y": []},
    },
    {**{name: None for name in COLUMNS.names}, "id": 1},
]


def to_table(rows, schema=COLUMNS):
    return pa.Table.from_pylist(
        [{k: list(v.items()) if isinstance(v, dict) and k == "map" else v for k, v in r.items()} for r in rows],
        schema=schema,
    )


def plain(rows):
    """Maps come as lists of pairs from pyarrow, as dicts from icesink and DuckDB."""
    return [{k: dict(v) if k == "map" and v is not None else v for k, v in r.items()} for r in rows]


def test_every_type_is_read_alike_by_everyone(lake, catalog):
    table = catalog.create_table("db.t", COLUMNS)
    result = table.append(to_table(ROWS))
    assert result.snapshot_id == table.metadata["current-snapshot-id"] and not result.done_before
    assert plain(table.to_arrow().to_pylist()) == ROWS
    assert table.scan().to_pylist() == ROWS
    assert plain(lake.read("db.t").to_pylist()) == ROWS
    zoned = "epoch_us(zoned) as zoned"  # DuckDB would want pytz for it
    rows = lake.duckdb("db.t", f"* replace ({zoned})")
    expected = [
        {
            **r,
            "zoned": r["zoned"]
            and (r["zoned"] - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(microseconds=1),
        }
        for r in ROWS
    ]
    assert [dict(zip(COLUMNS.names, r)) for r in rows] == expected


def test_uuids_come_back_as_uuids(lake, catalog):
    schema = pa.schema([pa.field("u", pa.uuid())])
    table = catalog.create_table("db.t", schema)
    given = uuid.UUID(int=0x0123456789ABCDEF0123456789ABCDEF)
    table.append(pa.table({"u": pa.array([given.bytes, None], pa.uuid())}))
    assert table.scan().to_pylist() == [{"u": given}, {"u": None}]
    assert [r["u"] for r in lake.read("db.t").to_pylist()] == [given, None]


def test_sliced_and_chunked_data_comes_back_in_order(catalog):
    table = catalog.create_table("db.t", COLUMNS)
    data = pa.concat_tables([to_table(ROWS).slice(1), to_table(ROWS).slice(0, 2), to_table(ROWS).slice(2, 1)])
    table.append(data)
    assert table.scan().to_pylist() == ROWS[1:] + ROWS[:2] + ROWS[2:]


def test_data_comes_from_tables_batches_readers_and_other_objects(catalog):
    table = catalog.create_table("db.t", pa.schema([pa.field("id", pa.int64())]))
    data = pa.table({"id": [1, 2]})

    class OldTable:  # as pyarrow was before version 14
        def to_reader(self):
            return OldReader()

    class OldReader:
        def read_next_batch(self):
            raise AssertionError("it is read through C")

        def _export_to_c(self, address):
            data.to_reader()._export_to_c(address)

    class OldBatch:
        def _export_to_c(self, array, schema):
            data.to_batches()[0]._export_to_c(array, schema)

    for given in (data, data.to_batches()[0], data.to_reader(), table.scan(), OldTable(), OldReader(), OldBatch()):
        before = len(table.scan().to_pylist())
        expected = before + (before if isinstance(given, icesink.Scan) else 2)
        table.append(given)
        assert len(table.scan().to_pylist()) == expected
    batch = next(iter(table.scan()))
    table.append(batch)
    table.append(batch)
    assert len(batch.to_pylist()) == len(batch) == 2
    with pytest.raises(icesink.InvalidArgument, match="dict is no Arrow data"):
        table.append({"id": [1]})


def test_duckdb_and_polars_hand_over_their_data_and_take_scans(catalog):
    import duckdb
    import polars

    table = catalog.create_table(
        "db.t",
        pa.schema([pa.field("id", pa.int64()), pa.field("x", pa.string()), pa.field("l", pa.list_(pa.string()))]),
    )
    table.append(duckdb.sql("select 1::bigint as id, 'a' as x, ['p'] as l"))
    table.append(polars.DataFrame({"id": [2], "x": ["b"], "l": [["q", None]]}))
    scan = table.scan()
    assert duckdb.sql("select id, x, l from scan order by id").fetchall() == [(1, "a", ["p"]), (2, "b", ["q", None])]
    assert sorted(polars.DataFrame(scan).rows()) == [(1, "a", ["p"]), (2, "b", ["q", None])]


def test_large_views_dictionaries_and_narrow_numbers_are_made_plain(catalog):
    table = catalog.create_table(
        "db.t",
        pa.schema(
            [
                pa.field("a", pa.string()),
                pa.field("b", pa.string()),
                pa.field("c", pa.string()),
                pa.field("n", pa.int32()),
                pa.field("l", pa.list_(pa.string())),
                pa.field("t", pa.timestamp("us")),
                pa.field("s", pa.struct([pa.field("x", pa.string())])),
            ]
        ),
    )
    table.append(
        pa.table(
            {
                "a": pa.array(["1", None], pa.large_string()),
                "b": pa.array(["2", None], pa.string_view()),
                "c": pa.array(["3", None]).dictionary_encode(),
                "n": pa.array([-4, None], pa.int8()),
                "l": pa.array([["5"], None], pa.large_list(pa.large_string())),
                "t": pa.array([6, None], pa.timestamp("ms")),
                "s": pa.array([{"x": "7"}, None], pa.struct([pa.field("x", pa.large_string())])),
            }
        )
    )
    assert table.scan().to_pylist() == [
        {
            "a": "1",
            "b": "2",
            "c": "3",
            "n": -4,
            "l": ["5"],
            "t": datetime.datetime(1970, 1, 1, 0, 0, 0, 6000),
            "s": {"x": "7"},
        },
        dict.fromkeys("abcnlts"),
    ]


def test_pyiceberg_s_tables_are_appended_to_and_the_reverse(lake, catalog):
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import BucketTransform
    from pyiceberg.types import LongType, NestedField, StringType

    theirs = lake.pyiceberg()
    made = theirs.create_table(
        "db.t",
        schema=Schema(
            NestedField(1, "id", LongType(), required=True), NestedField(2, "x", StringType(), required=False)
        ),
        partition_spec=PartitionSpec(PartitionField(1, 1000, BucketTransform(4), "id_bucket")),
    )
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("x", pa.string())])
    ours = catalog.load_table("db.t")
    for i in range(3):
        made.refresh().append(pa.table({"id": [i * 10], "x": ["theirs"]}, schema=schema))
        ours.append(
            pa.table({"id": [i * 10 + k for k in range(1, 9)], "x": ["ours"] * 8}, schema=schema), writer="w", number=i
        )
    expected = sorted((i * 10 + k, "ours" if k else "theirs") for i in range(3) for k in range(9))
    for rows in (ours.scan().to_pylist(), lake.read("db.t").to_pylist()):
        assert sorted((r["id"], r["x"]) for r in rows) == expected
    assert sorted(lake.duckdb("db.t")) == expected
    assert ours.token("w") == 2


def test_partitions_properties_and_metadata_are_as_given(lake, catalog):
    table = catalog.create_table(
        "db.t",
        COLUMNS,
        partition=["days(at)", "bucket(16, id)", "truncate(3, text)"],
        properties={"owner": "a=b", "n": 1},
    )
    metadata = table.metadata
    assert (
        metadata["format-version"] == 2
        and metadata["properties"]["owner"] == "a=b"
        and metadata["properties"]["n"] == "1"
    )
    assert [f["transform"] for f in metadata["partition-specs"][0]["fields"]] == ["day", "bucket[16]", "truncate[3]"]
    assert lake.pyiceberg().load_table("db.t").metadata_location == table.metadata_location
    table.append(to_table(ROWS), summary={"reason": "a test"})
    assert table.metadata["snapshots"][-1]["summary"]["reason"] == "a test"
    assert sorted(r["id"] for r in lake.read("db.t").to_pylist()) == [0, 1, 2**63 - 1]


def test_schema_carries_types_and_field_ids(catalog):
    table = catalog.create_table("db.t", COLUMNS)
    assert table.schema.names == COLUMNS.names
    schema = pa.schema(table.schema)
    assert schema.equals(table.schema.to_arrow(), check_metadata=True)
    assert [f.name for f in schema if not f.nullable] == ["id"]
    assert schema.field("flag").metadata[b"PARQUET:field_id"] == b"1"
    assert pa.schema([f.remove_metadata() for f in schema if not pa.types.is_nested(f.type)]) == pa.schema(
        [f for f in COLUMNS if not pa.types.is_nested(f.type)]
    )
    second = catalog.create_table("db.u", table.schema)
    assert second.schema.names == COLUMNS.names


def test_scan_reads_chosen_columns_in_batches_as_often_as_asked(catalog):
    table = catalog.create_table("db.t", COLUMNS)
    table.append(to_table(ROWS))
    scan = table.scan(["text", "id"])
    assert scan.schema.names == ["text", "id"]
    for _ in range(2):
        assert pa.table(scan).to_pylist() == [{"text": r["text"], "id": r["id"]} for r in ROWS]
    assert sum(len(batch) for batch in scan) == 3
    batch = next(iter(scan))
    assert pa.record_batch(batch).equals(batch.to_arrow()) and batch.to_pylist() == batch.to_arrow().to_pylist()
    with pytest.raises(icesink.InvalidArgument, match="nothing"):
        table.to_arrow(["nothing"])


def test_empty_table_has_no_rows_and_a_schema(catalog):
    table = catalog.create_table("db.t", COLUMNS)
    assert table.scan().to_pylist() == [] and table.to_arrow().num_rows == 0
    assert table.to_arrow().schema.names == COLUMNS.names
    assert table.append(to_table([])).snapshot_id is not None or table.metadata["current-snapshot-id"] in (None, -1)
    assert table.scan().to_pylist() == []


def test_namespaces_and_tables_are_made_listed_and_dropped(catalog):
    catalog.create_namespace("db")
    catalog.create_namespace("another")
    assert catalog.list_namespaces() == ["another", "db"]
    schema = pa.schema([pa.field("id", pa.int64())])
    catalog.create_table("db.b", schema)
    catalog.create_table("db.a", schema)
    assert catalog.list_tables("db") == ["a", "b"] and catalog.list_tables("another") == []
    with pytest.raises(icesink.AlreadyExists):
        catalog.create_table("db.a", schema)
    catalog.drop_table("db.a")
    assert catalog.list_tables("db") == ["b"]
    with pytest.raises(icesink.NotFound, match="Table does not exist: db.a") as caught:
        catalog.load_table("db.a")
    assert isinstance(caught.value, LookupError) and caught.value.status == "NOT_FOUND" and not caught.value.retryable
    with pytest.raises(icesink.NotFound):
        catalog.create_table("nowhere.t", schema)
    with pytest.raises(icesink.Unsupported, match='column "odd"'):
        catalog.create_table("db.odd", pa.schema([pa.field("odd", pa.month_day_nano_interval())]))
    with pytest.raises(icesink.InvalidArgument, match="absent"):
        catalog.create_table("db.odd", schema, partition=["days(absent)"])
