"""icesink: Kafka topics and Arrow data into Apache Iceberg tables, exactly once.

with icesink.open(catalog={"uri": "lake.db", "warehouse": "lake"}) as catalog:
    catalog.create_namespace("db")
    table = catalog.create_table("db.readings", schema, partition=["days(at)"])
    table.append(rows, writer="import", number=1)
    print(table.to_arrow())
"""

from ._arrow import Batch, Schema
from ._catalog import Catalog, open
from ._decoder import Counts, Decoder, Record
from ._errors import (
    AccessDenied,
    AlreadyExists,
    Cancelled,
    CommitUnknown,
    Conflict,
    Corrupt,
    IcesinkError,
    InputOutputError,
    InternalError,
    InvalidArgument,
    InvalidState,
    LimitExceeded,
    NotFound,
    OutOfMemory,
    TimedOut,
    Unsupported,
)
from ._library import VERSION as __version__
from ._program import run
from ._table import AppendResult, Scan, Table, Writer, WriterTotals

__all__ = [
    "AccessDenied",
    "AlreadyExists",
    "AppendResult",
    "Batch",
    "Cancelled",
    "Catalog",
    "CommitUnknown",
    "Conflict",
    "Corrupt",
    "Counts",
    "Decoder",
    "IcesinkError",
    "InputOutputError",
    "InternalError",
    "InvalidArgument",
    "InvalidState",
    "LimitExceeded",
    "NotFound",
    "OutOfMemory",
    "Record",
    "Scan",
    "Schema",
    "Table",
    "TimedOut",
    "Unsupported",
    "Writer",
    "WriterTotals",
    "__version__",
    "open",
    "run",
]
