"""Records of Python as the rows of an Iceberg table, in the form that the connector's PhysicalRows takes. Needs
PyFlink."""

from __future__ import annotations

import datetime
import decimal
import operator
import re
import uuid
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence

from pyflink.common import Row, Types
from pyflink.datastream import MapFunction

from ._health import as_mapping

_EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)
_Convert = Callable[[Any], Any]


class _Column(NamedTuple):
    """A type of Iceberg in SQL, as PyFlink's, and from Python's values."""

    sql: str
    type_info: Any
    convert: _Convert


class TableRows:
    """The columns of a table by its Iceberg schema (the JSON of the specification).

    Errors: ValueError for a type that the connector has not."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        struct = _struct(schema)
        self.sql = struct.sql
        self.type_info = struct.type_info
        self.schema = schema


class ToRow(MapFunction):
    """A Row, tuple or dict to a row of the table. Names find columns; without names places do.

    Errors: ValueError and TypeError, which name the column."""

    def __init__(self, rows: TableRows, ignored: Sequence[str] = ()) -> None:
        """`ignored`: names that a record may have and the table has not."""
        self._schema = rows.schema
        self._ignored = frozenset(ignored)

    def open(self, runtime_context: Any) -> None:
        self._convert = _struct(self._schema, self._ignored).convert

    def map(self, value: Any) -> Any:
        return self._convert(value)


def _whole(bits: int) -> _Convert:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def convert(value: Any) -> int:
        number = operator.index(value)
        if isinstance(value, bool) or not low <= number <= high:
            raise ValueError(f"{value!r} is no whole number of {bits} bits")
        return number

    return convert


def _instance(kinds: Any, convert: _Convert, name: str) -> _Convert:
    def checked(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise TypeError(f"{type(value).__name__} is no {name}")
        return convert(value)

    return checked


def _days(value: Any) -> int:
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
        raise TypeError(f"{type(value).__name__} is no date")
    return (value - _EPOCH.date()).days


def _milliseconds(value: datetime.time) -> int:
    if value.microsecond % 1000:
        raise ValueError(f"{value} is finer than the milliseconds that Flink's times have")
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000


def _microseconds(value: Any) -> int:
    """Datetimes without a zone are in UTC; PyFlink's Instant is as well."""
    if hasattr(value, "seconds") and hasattr(value, "nanos"):
        return int(value.seconds) * 1_000_000 + int(value.nanos) // 1000
    if not isinstance(value, datetime.datetime):
        raise TypeError(f"{type(value).__name__} is no datetime")
    if value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return int((value - _EPOCH) // _MICROSECOND)


def _fixed(size: int) -> _Convert:
    def convert(value: Any) -> bytes:
        if len(value) != size:
            raise ValueError(f"{len(value)} bytes, not {size}")
        return bytes(value)

    return _instance((bytes, bytearray, memoryview), convert, "bytes")


def _same(value: Any) -> Any:
    return value


def _primitive(name: str) -> _Column:
    octets = Types.PRIMITIVE_ARRAY(Types.BYTE())
    bytes_like = (bytes, bytearray, memoryview)
    number = (int, float)
    found = re.fullmatch(r"(decimal|fixed)[(\[](\d+)(?:, *(\d+))?[)\]]", name)
    if found and found[1] == "decimal":
        exact = _instance((decimal.Decimal, int), decimal.Decimal, "decimal")
        return _Column(f"DECIMAL({found[2]}, {found[3]})", Types.BIG_DEC(), exact)
    if found:
        return _Column(f"BINARY({found[2]})", octets, _fixed(int(found[2])))
    columns: Dict[str, Callable[[], _Column]] = {
        "boolean": lambda: _Column("BOOLEAN", Types.BOOLEAN(), _instance(bool, _same, "bool")),
        "int": lambda: _Column("INT", Types.INT(), _whole(32)),
        "long": lambda: _Column("BIGINT", Types.LONG(), _whole(64)),
        "float": lambda: _Column("FLOAT", Types.FLOAT(), _instance(number, float, "number")),
        "double": lambda: _Column("DOUBLE", Types.DOUBLE(), _instance(number, float, "number")),
        "date": lambda: _Column("DATE", Types.INT(), _days),
        "time": lambda: _Column("TIME(6)", Types.INT(), _instance(datetime.time, _milliseconds, "time")),
        "timestamp": lambda: _Column("TIMESTAMP(6)", Types.LONG(), _microseconds),
        "timestamptz": lambda: _Column("TIMESTAMP_LTZ(6)", Types.LONG(), _microseconds),
        "string": lambda: _Column("STRING", Types.STRING(), _instance(str, _same, "str")),
        "uuid": lambda: _Column("BINARY(16)", octets, lambda value: uuid.UUID(str(value)).bytes),
        "binary": lambda: _Column("BYTES", octets, _instance(bytes_like, bytes, "bytes")),
    }
    if name not in columns:
        raise ValueError(f"Flink's connector has no type for Iceberg's {name}")
    return columns[name]()


def _optional(convert: _Convert, required: bool, what: str) -> _Convert:
    def checked(value: Any) -> Any:
        if value is None:
            if required:
                raise ValueError(f"no {what}")
            return None
        return convert(value)

    return checked


def _type(kind: Any) -> _Column:
    if isinstance(kind, str):
        return _primitive(kind)
    if kind["type"] == "struct":
        return _struct(kind)
    if kind["type"] == "list":
        element = _type(kind["element"])
        each = _optional(element.convert, kind["element-required"], "element")
        # An array, as Flink's lists have no nulls.
        return _Column(
            f"ARRAY<{element.sql}{_null(kind['element-required'])}>",
            Types.OBJECT_ARRAY(element.type_info),
            _instance((list, tuple), lambda values: [each(value) for value in values], "list"),
        )
    key, entry = _type(kind["key"]), _type(kind["value"])
    to_key, to_value = _optional(key.convert, True, "key"), _optional(entry.convert, kind["value-required"], "value")
    return _Column(
        f"MAP<{key.sql} NOT NULL, {entry.sql}{_null(kind['value-required'])}>",
        Types.MAP(key.type_info, entry.type_info),
        _instance(Mapping, lambda value: {to_key(k): to_value(v) for k, v in value.items()}, "mapping"),
    )


def _null(required: bool) -> str:
    return " NOT NULL" if required else ""


def _struct(kind: Mapping[str, Any], ignored: Any = frozenset()) -> _Column:
    fields: List[Any] = kind["fields"]
    names = [field["name"] for field in fields]
    columns = [_type(field["type"]) for field in fields]
    converts = [_optional(c.convert, f["required"], "value") for c, f in zip(columns, fields)]
    known = frozenset(names) | frozenset(ignored)
    # What Flink calls the fields of a row that has no names.
    unnamed = [f"f{place}" for place in range(len(names))]

    def convert(record: Any) -> Any:
        named = as_mapping(record)
        if named is not None and list(named) != unnamed:
            unknown = [str(name) for name in named if name not in known]
            if unknown:
                raise ValueError(f"the table has no column {', '.join(unknown)}")
            values: Sequence[Any] = [named.get(name) for name in names]
        elif isinstance(record, (Row, tuple, list)):
            values = list(record)
            if len(values) != len(names):
                raise ValueError(f"{len(values)} values for {len(names)} columns")
        else:
            raise TypeError(f"{type(record).__name__} is no row: a Row, tuple or dict is")
        converted = []
        for name, to_value, value in zip(names, converts, values):
            try:
                converted.append(to_value(value))
            except (ArithmeticError, TypeError, ValueError) as error:
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"{name}: {error}") from None
        row = Row(*converted)
        if isinstance(record, Row):
            row.set_row_kind(record.get_row_kind())
        return row

    quoted = (name.replace("`", "``") for name in names)
    parts = (f"`{name}` {c.sql}{_null(f['required'])}" for name, c, f in zip(quoted, columns, fields))
    return _Column(f"ROW<{', '.join(parts)}>", Types.ROW_NAMED(names, [c.type_info for c in columns]), convert)
