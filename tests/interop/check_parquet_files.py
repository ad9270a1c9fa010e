#!/usr/bin/env python3
"""Read files of parquet_sample with other engines and compare with what was meant to be in them.

    python tests/interop/check_parquet_files.py FILE...

Needs pyarrow and duckdb. The rows come from tests/support/parquet_rows.h; `expected_row` says the same in Python.
"""
import datetime
import decimal
import math
import struct
import sys
import uuid

import duckdb
import pyarrow.parquet as pq

MASK = (1 << 64) - 1
EPOCH = datetime.datetime(1970, 1, 1)


def draw(seed, row, what):
    z = (seed * 0x9E3779B97F4A7C15 + row * 0xD1B54A32D192ED03 + what * 0x8CB92BA72F3D8DD7) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def to_float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def number(d):
    special = {0: math.nan, 1: -0.0, 2: 0.0, 3: math.inf}
    return special[d % 23] if d % 23 in special else (d % 2000001) / 8.0 - 125000.0


def scaled(value, scale):
    with decimal.localcontext() as context:
        context.prec = 60
        return decimal.Decimal(value).scaleb(-scale)


def word(d):
    if d % 11 == 0:
        return ""
    return f"w{d % 40}" if d % 5 else f"wörter-{d % 40}"


def expected_struct(seed, row):
    d = draw(seed, row, 19)
    inner = None
    if d % 5:
        inner = {"x": float(d % 77) if d % 6 else None}
    return {"a": d % 1000 if d % 3 else None, "b": f"b{d % 100}" if d % 4 else None, "inner": inner}


def expected_pair(seed, row, what):
    d = draw(seed, row, what)
    if d % 7 == 0:
        return None
    texts = None
    if d % 5:
        texts = [f"t{d % 9 + k}" if d % (k + 3) else None for k in range(d % 4)]
    return {"p": d % 50 if d % 3 else None, "q": texts}


def expected_nested(seed, row):
    result = []
    for i in range(draw(seed, row, 22) % 4):
        d = draw(seed, row, 400 + i)
        if d % 6 == 0:
            result.append(None)
        else:
            result.append([(f"k{k}", expected_pair(seed, row, 500 + i * 10 + k)) for k in range(d % 3)])
    return result


def expected_row(seed, row):
    def d(what):
        return draw(seed, row, what)

    def sixteen(what):
        return struct.pack(">QQ", d(what), d(what + 9000))

    def element(base, i):
        e = d(base + i)
        return e % 100000 if e % 5 else None

    values = [
        ("id", lambda: row),
        ("flag", lambda: bool(d(2) & 1)),
        ("i", lambda: d(3) % 200 - 100),
        ("l", lambda: signed(d(4))),
        ("f", lambda: to_float32(number(d(5)))),
        ("d", lambda: number(d(6))),
        ("dec9", lambda: scaled(d(7) % 1999999999 - 999999999, 2)),
        ("dec18", lambda: scaled(d(8) % 2000000000000000001 - 10**18, 4)),
        ("dec38", lambda: scaled((d(9) % 2000000001 - 10**9) * (1 << 64) + d(99), 10)),
        ("day", lambda: (EPOCH + datetime.timedelta(days=d(10) % 40000 - 5000)).date()),
        ("clock", lambda: (EPOCH + datetime.timedelta(microseconds=d(11) % 86400000000)).time()),
        ("ts", lambda: EPOCH + datetime.timedelta(microseconds=d(12) % 4000000000000000 - 10**15)),
        ("tz", lambda: (EPOCH + datetime.timedelta(microseconds=1700000000000000 + row * 1000001))
         .replace(tzinfo=datetime.timezone.utc)),
        ("word", lambda: word(d(14))),
        ("unique_text", lambda: f"unique-{d(15):016x}-and-some-more-to-be-longer-than-sixty-four"),
        ("uuid", lambda: uuid.UUID(bytes=sixteen(16))),
        ("fixed", lambda: sixteen(17)[:5]),
        ("bin", lambda: sixteen(18)[:d(18) % 17]),
        ("st", lambda: expected_struct(seed, row)),
        ("li", lambda: [element(200, i) for i in range(d(20) % 4)]),
        ("m", lambda: [(f"key{i}", element(300, i)) for i in range(d(21) % 3)]),
        ("lm", lambda: expected_nested(seed, row)),
    ]
    required = {"id", "unique_text"}
    return {name: None if name not in required and draw(seed, row, i + 1 + 5000) % 7 == 0 else make()
            for i, (name, make) in enumerate(values)}


def normal(value):
    """A form in which NaN equals NaN and -0.0 does not equal 0.0."""
    if isinstance(value, float):
        return struct.pack(">d", value) if value == value else "NaN"
    if isinstance(value, dict):
        return {k: normal(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal(v) for v in value]
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return value


def compare(who, got, seed, count):
    assert len(got) == count, f"{who}: {len(got)} rows of {count}"
    for row, values in enumerate(got):
        wanted = expected_row(seed, row)
        for name, value in wanted.items():
            if normal(values[name]) != normal(value):
                raise AssertionError(f"{who}: row {row}, column {name}: {values[name]!r} instead of {value!r}")


class Thrift:
    """As much of the compact protocol as the page index needs: structs become dicts by field id."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def value(self, kind, element=False):
        if kind in (1, 2):
            return self.byte() == 1 if element else kind == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 8:
            size = self.varint()
            self.at += size
            return bytes(self.data[self.at - size:self.at])
        if kind == 9:
            head = self.byte()
            size = self.varint() if head >> 4 == 15 else head >> 4
            return [self.value(head & 15, True) for _ in range(size)]
        if kind == 12:
            return self.struct()
        raise AssertionError(f"thrift type {kind}")

    def struct(self):
        result, field = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return result
            field = field + (head >> 4) if head >> 4 else self.zigzag()
            result[field] = self.value(head & 15)


FORMATS = {"BOOLEAN": "<?", "INT32": "<i", "INT64": "<q", "FLOAT": "<f", "DOUBLE": "<d"}


def bound(physical, data):
    return struct.unpack(FORMATS[physical], data)[0] if physical in FORMATS else data


def physical_value(name, value):
    """A value of a flat column as its physical type orders it."""
    if name in ("dec9", "dec18"):
        return int(value.scaleb(2 if name == "dec9" else 4))
    if name == "dec38":
        with decimal.localcontext() as context:
            context.prec = 60
            return int(value.scaleb(10)) + (1 << 127)
    if name == "day":
        return (value - EPOCH.date()).days
    if name == "clock":
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 10**6 + value.microsecond
    if name in ("ts", "tz"):
        return (value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1)
    if name == "uuid":
        return value.bytes
    return value.encode() if isinstance(value, str) else value


def check_bounds(where, name, physical, values, low, high):
    """low <= every value <= high; NaN does not count."""
    for value in values:
        value = physical_value(name, value)
        if value != value:
            continue
        first, last = bound(physical, low), bound(physical, high)
        if name == "dec38":
            first, last = ((int.from_bytes(b, "big", signed=True) + (1 << 127)) for b in (low, high))
        assert first == first and last == last, f"{where}: NaN as a bound"
        assert first <= value <= last, f"{where}: {value!r} outside {first!r} .. {last!r}"
        if physical in ("FLOAT", "DOUBLE"):
            assert not (first == 0 and math.copysign(1, first) > 0), f"{where}: +0.0 as minimum"
            assert not (last == 0 and math.copysign(1, last) < 0), f"{where}: -0.0 as maximum"


def check_index(data, footer, group_index, rows):
    """OffsetIndex and ColumnIndex of all chunks of a row group, against the pages and the values."""
    group = footer[4][group_index]
    assert group[7] == group_index
    names = [c[3][3] for c in group[1]]
    checked = 0
    for chunk, path in zip(group[1], names):
        where = f"row group {group_index}, {b'.'.join(path).decode()}"
        meta = chunk[3]
        offsets = Thrift(data[chunk[4]:chunk[4] + chunk[5]]).struct()
        locations = offsets[1]
        assert locations[0][1] == meta[9], where
        first_rows = [l[3] for l in locations] + [group[3]]
        assert first_rows[0] == 0 and first_rows == sorted(first_rows), where
        end = meta[9]
        for location in locations:
            assert location[1] == end, where
            header = Thrift(data[location[1]:location[1] + location[2]])
            page = header.struct()
            assert header.at + page[3] == location[2], where
            assert 4 in page, f"{where}: page without CRC"
            end += location[2]
        start = meta.get(11, meta[9])
        assert end - start == meta[7], where
        assert meta[13] and sum(s[3] for s in meta[13] if s[1] == 0) == len(locations), f"{where}: encoding_stats"
        if 6 not in chunk:
            continue
        index = Thrift(data[chunk[6]:chunk[6] + chunk[7]]).struct()
        assert len(index[1]) == len(index[2]) == len(index[3]) == len(index[5]) == len(locations), where
        assert sum(index[5]) == meta[12][3], f"{where}: null counts"
        if len(path) > 1:
            assert 7 in index and 3 in meta[16], f"{where}: histograms"
            continue
        physical = ["BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED"][meta[1]]
        name = path[0].decode()
        for i in range(len(locations)):
            values = [r[name] for r in rows[first_rows[i]:first_rows[i + 1]]]
            there = [v for v in values if v is not None]
            assert index[5][i] == len(values) - len(there), f"{where}, page {i}: null count"
            assert index[1][i] == (not there), f"{where}, page {i}: null page"
            if there:
                check_bounds(f"{where}, page {i}", name, physical, there, index[2][i], index[3][i])
        checked += 1
    assert checked >= 15, "too few columns with a ColumnIndex"


def check_schema(schema, elements):
    """Ids depth first from 1 on for every field, none for root and middle groups; the types as pyarrow sees them."""
    middle = (b"list", b"key_value")
    assert 9 not in elements[0], "root with a field id"
    assert all(9 not in e for e in elements[1:] if e[4] in middle and e[3] == 2), "middle group with a field id"
    got = [e[9] for e in elements[1:] if not (e[4] in middle and e[3] == 2)]
    assert got == list(range(1, 36)), f"field ids {got}"
    assert int(schema.field("lm").metadata[b"PARQUET:field_id"]) == 29
    for name, kind in (("ts", "timestamp[us]"), ("tz", "timestamp[us, tz=UTC]"), ("clock", "time64[us]"),
                       ("dec9", "decimal128(9, 2)"), ("dec38", "decimal128(38, 10)"), ("day", "date32[day]"),
                       ("word", "string"), ("bin", "binary"), ("fixed", "fixed_size_binary[5]")):
        assert str(schema.field(name).type) == kind, f"{name}: {schema.field(name).type}"


def check_blooms(path, rows):
    connection = duckdb.connect()
    for name, absent in (("id", -5), ("word", "not a word of it"), ("unique_text", "neither")):
        for value in [r[name] for r in rows if r[name] is not None][:20]:
            excludes = connection.execute("SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe(?, ?, ?)",
                                          [path, name, value]).fetchone()[0]
            assert excludes is False, f"Bloom filter of {name} excludes {value!r}"
        excludes = connection.execute("SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe(?, ?, ?)",
                                      [path, name, absent]).fetchone()[0]
        assert excludes is True, f"Bloom filter of {name} includes {absent!r}"


def check_statistics(metadata, rows):
    start = 0
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        part = rows[start:start + group.num_rows]
        start += group.num_rows
        for c in range(group.num_columns):
            column = group.column(c)
            where = f"row group {g}, {column.path_in_schema}"
            assert column.has_offset_index, f"{where}: no OffsetIndex"
            assert column.statistics is not None and column.statistics.has_null_count, f"{where}: no null count"
            if "." in column.path_in_schema:
                continue
            values = [r[column.path_in_schema] for r in part]
            there = [v for v in values if v is not None and v == v]
            assert column.statistics.null_count == values.count(None), f"{where}: null count"
            assert column.statistics.has_min_max == bool(there), f"{where}: bounds"
            name = column.path_in_schema
            if there and name in ("id", "i", "l", "f", "d", "flag", "day", "clock", "word"):
                assert column.statistics.min == min(there), f"{where}: minimum {column.statistics.min!r}"
                assert column.statistics.max == max(there), f"{where}: maximum {column.statistics.max!r}"


def check(path):
    with open(path, "rb") as file:
        data = file.read()
    reader = pq.ParquetFile(path, page_checksum_verification=True)
    metadata = reader.metadata
    pairs = metadata.metadata
    seed, count = int(pairs[b"sample.seed"]), int(pairs[b"sample.rows"])
    wanted = [expected_row(seed, row) for row in range(count)]
    assert metadata.created_by.startswith("icesink version ") and "(build " in metadata.created_by
    compare("pyarrow", reader.read().to_pylist(), seed, count)
    check_statistics(metadata, wanted)

    size = struct.unpack("<I", data[-8:-4])[0]
    footer = Thrift(data[-8 - size:-8]).struct()
    check_schema(reader.schema_arrow, footer[2])
    assert len(footer[7]) == metadata.num_columns, "column_orders"
    start = 0
    for g, group in enumerate(footer[4]):
        first = group[1][0][3]
        assert group[5] == first.get(11, first[9]), "RowGroup.file_offset"
        assert group[6] == sum(c[3][7] for c in group[1]), "RowGroup.total_compressed_size"
        check_index(data, footer, g, wanted[start:start + group[3]])
        start += group[3]

    connection = duckdb.connect()
    relation = connection.execute("SELECT * REPLACE (epoch_us(tz) AS tz) FROM read_parquet(?)", [path])
    names = [d[0] for d in relation.description]
    rows = [dict(zip(names, r)) for r in relation.fetchall()]
    for row in rows:
        # DuckDB gives maps as dictionaries; their keys are unique here.
        if row["tz"] is not None:
            row["tz"] = EPOCH + datetime.timedelta(microseconds=row["tz"])
        row["m"] = None if row["m"] is None else list(row["m"].items())
        if row["lm"] is not None:
            row["lm"] = [None if m is None else list(m.items()) for m in row["lm"]]
    compare("DuckDB", rows, seed, count)
    if count:
        check_blooms(path, wanted)
        middle = wanted[count // 2]
        found = connection.execute("SELECT unique_text FROM read_parquet(?) WHERE id = ? AND unique_text = ?",
                                   [path, count // 2, middle["unique_text"]]).fetchall()
        assert found == [(middle["unique_text"],)], "DuckDB does not find a row by its values"
    print(f"{path}: {count} rows, {metadata.num_row_groups} row groups: as expected")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        check(path)


if __name__ == "__main__":
    main()
