"""Tables as sinks of PyFlink's streams, and error records."""

from __future__ import annotations

import collections
import datetime
import os
from typing import Any, Counter, Dict, Optional, Sequence

import icesink

from .._flink import add_jars, connect_errors, expect_errors, java_class
from .._health import Coordinates, fault_id, to_json
from ..config.settings import Settings, read_dotenv
from .catalog import IcebergCatalog

_PAYLOAD_BYTES_MAX = 64 * 1024
_CONNECTOR = "icesink's jar for Flink"
# Columns that an errors table of the earlier layout has not.
_LATER_ERROR_COLUMNS = ("element_index", "raw_bytes")
# Secrets of the catalog and the store that Settings does not have: the tasks' own environment is not asked for them.
_SECRETS = {
    "catalog.credential": "ICEBERG_CATALOG_CREDENTIAL",
    "catalog.token": "ICEBERG_CATALOG_TOKEN",
    "store.s3.session_token": "S3_SESSION_TOKEN",
}


class IcebergSink:
    """Writes streams into tables, exactly once with Flink's checkpoints. Ownership: borrows `env`."""

    def __init__(self, settings: Settings, env: Any) -> None:
        self.settings = settings
        self.env = env
        self._catalog = IcebergCatalog(settings)
        self._sinks: Counter[str] = collections.Counter()

    @property
    def catalog(self) -> icesink.Catalog:
        """The catalog that it writes to. Ownership: the sink's."""
        return self._catalog.catalog

    def initialize(self) -> bool:
        """Reach the catalog and make the namespace of `settings.iceberg.database`; tables are not made.

        Returns True. Errors: icesink.IcesinkError, "Failed to register Iceberg catalog…"."""
        return self._catalog.initialize()

    def write_to_iceberg(self, data_stream: Any, table_name: str = "health_data_raw", overwrite: bool = False) -> bool:
        """Append a stream of Row, tuple or dict to a table that is there, when `env.execute()` runs the job.

        A name without a dot is in ICEBERG_DATABASE. Names of fields find columns; without names places do. `overwrite`
        replaces what the table has, in the one commit at the end of a bounded job. Each call is a sink, which is called
        `<table>`, the second of a table `<table> 2`: in savepoints too. A row that does not fit fails the job.

        Returns True. Errors: icesink.IcesinkError ("Failed to register Iceberg catalog…", "Table does not exist: …");
        ValueError for an overwrite by a stream without an end; ImportError where Flink has no connector."""
        return self._write(data_stream, table_name, overwrite)

    def _write(self, stream: Any, table_name: str, overwrite: bool, ignored: Sequence[str] = ()) -> bool:
        table = self.settings.iceberg.full_name(table_name)
        metadata = self.catalog.load_table(table).metadata
        schemas = {schema["schema-id"]: schema for schema in metadata["schemas"]}
        from py4j.protocol import Py4JJavaError

        from .._rows import TableRows, ToRow

        rows = TableRows(schemas[metadata["current-schema-id"]])
        add_jars(self.env)
        physical = java_class("org.icesink.flink.PhysicalRows", _CONNECTOR)
        name = table if not self._sinks[table] else f"{table} {self._sinks[table] + 1}"
        row_type = physical.type(rows.sql)
        sink = (
            java_class("org.icesink.flink.IcesinkSink", _CONNECTOR)
            .builder()
            .table(table)
            .name(name)
            .rowType(row_type)
            .settings(self._connector_settings())
            .overwrite(overwrite)
            .build()
        )
        mapped = stream.map(ToRow(rows, ignored), output_type=rows.type_info).name(f"To rows of {name}")
        try:
            physical.sinkTo(mapped._j_data_stream, row_type, name, sink)
        except Py4JJavaError as error:
            raise ValueError(error.java_exception.getMessage()) from None
        self._sinks[table] += 1
        return True

    def _connector_settings(self) -> Dict[str, str]:
        """What a session in a task needs, by the library's keys."""
        dotenv = read_dotenv(".env.local")
        secrets = {key: os.environ.get(name) or dotenv.get(name, "") for key, name in _SECRETS.items()}
        found = {key: value for key, value in secrets.items() if value}
        given = self.settings.for_icesink()
        found.update((key, value) for key, value in given.items() if key.startswith(("catalog.", "store.", "write.")))
        # A task's working directory is another.
        kind = found.get("catalog.type", "")
        for key in ("catalog.uri", "catalog.warehouse") if kind in ("sqlite", "jdbc") else ():
            if found.get(key) and ":" not in found[key]:
                found[key] = os.path.abspath(found[key])
        return found


class IcebergErrorSink:
    """Makes the records of the table of errors, and writes streams of them."""

    def __init__(self, settings: Settings, iceberg_sink: Any) -> None:
        """`iceberg_sink`: the IcebergSink whose catalog and job it shares; where only records are made, anything."""
        self.settings = settings
        self.iceberg_sink = iceberg_sink
        self.table = settings.iceberg.full_name(settings.iceberg.table_errors)
        if isinstance(iceberg_sink, IcebergSink) and iceberg_sink.env is not None:
            expect_errors(iceberg_sink.env, self)

    def write_errors_to_iceberg(self, error_stream: Any) -> bool:
        """Append a stream of error records (of `get_side_output(….ERRORS)`, or of `create_error_record`) to the table
        of errors, when `env.execute()` runs the job. Each is logged on its way: "Error recorded: <type>", with
        error_type, count and table as fields of the log record.

        Returns True. Errors: as IcebergSink.write_to_iceberg."""
        from .._streams import LogErrors

        logged = error_stream.map(LogErrors(self.table)).name("Log errors")
        self.iceberg_sink._write(logged, self.table, overwrite=False, ignored=_LATER_ERROR_COLUMNS)
        connect_errors(self.iceberg_sink.env, self)
        return True

    def create_error_record(
        self,
        error_type: str,
        error_message: str,
        raw_payload: Any = None,
        user_id: Optional[str] = None,
        device_id: Optional[str] = None,
        sample_id: Optional[str] = None,
        data_type: Optional[str] = None,
        kafka_topic: str = "",
        kafka_partition: int = -1,
        kafka_offset: int = -1,
    ) -> Dict[str, Any]:
        """A record of the table of errors, with the time of the call in UTC.

        The same fault of the same Kafka record has the same `error_id` whenever it is found. `raw_payload` is text for
        people: a decoded message becomes JSON, bytes that are no UTF-8 are left out; it is cut at 64 KiB on a
        character."""
        place = Coordinates(kafka_topic, kafka_partition, kafka_offset)
        return {
            "error_id": fault_id(error_type, error_message, sample_id, place),
            "error_type": error_type,
            "error_message": error_message,
            "error_timestamp": datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None),
            "raw_payload": _payload(raw_payload),
            "user_id": user_id,
            "device_id": device_id,
            "sample_id": sample_id,
            "data_type": data_type,
            "kafka_topic": kafka_topic,
            "kafka_partition": kafka_partition,
            "kafka_offset": kafka_offset,
        }


def _payload(given: Any) -> Optional[str]:
    if given is None:
        return None
    if isinstance(given, (bytes, bytearray, memoryview)):
        data = bytes(given)
        try:
            data.decode()
        except UnicodeDecodeError:
            return None
    else:
        data = given.encode("utf-8", "replace") if isinstance(given, str) else to_json(given)
    return data[:_PAYLOAD_BYTES_MAX].decode("utf-8", "ignore")
