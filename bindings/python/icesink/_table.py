"""Tables: what they are, what goes in, what comes out."""

from __future__ import annotations

import ctypes
import json
from ctypes import byref
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from . import _arrow, _errors, _library, _session
from ._library import native


class AppendResult(NamedTuple):
    """What an append did. `snapshot_id` is None where it did nothing, or is not known to have one."""

    snapshot_id: Optional[int]
    done_before: bool


class WriterTotals(NamedTuple):
    """Rows, bytes and count of the files that were closed since the writer was opened; memory held now."""

    rows: int
    bytes: int
    files: int
    memory: int


class Writer(_session.Part):
    """Makes data files of a table, one per partition value at a time; `finish` describes them for `Table.commit`.

    Errors of data (InvalidArgument, which names the column) leave it usable. After a fatal error only `close` is
    allowed."""

    _close_function = native.ice_writer_close
    _what = "writer"

    def __init__(self, session: _session.Session, table: str) -> None:
        super().__init__(session, native.ice_writer_open, _library.encode(table))

    def append(self, data: Any) -> None:
        """Write rows: anything with `__arrow_c_stream__` or `__arrow_c_array__`, or a pyarrow object before version 14.

        Columns are found by their names; optional ones that are not there are null. A batch of the data that does not
        fit is not written; those before it are."""
        _arrow.each_batch(data, self._append_batch)

    def _append_batch(self, array: Any, schema: Any) -> None:
        self._session.call_part(self, native.ice_writer_append, array, schema)

    def finish(self) -> bytes:
        """Close all files, wait until they are durable, and describe them: opaque, to be kept or sent to another
        process; empty where no row was written. The writer goes on with new files."""
        out = _library.Text()
        self._session.call_part(self, native.ice_writer_finish, byref(out))
        return _session.take_text(out)

    @property
    def totals(self) -> WriterTotals:
        totals = self._session.get_of_part(self, native.ice_writer_get_totals)
        return WriterTotals(totals.rows, totals.bytes, totals.files, totals.memory)


class Scan:
    """The rows of a table's snapshot at the time it is read; each reading begins anew, in a session of its own, so that
    it may outlast the catalog and run in another thread."""

    def __init__(self, settings: _session.Settings, table: str, columns: Optional[Sequence[str]]) -> None:
        self._settings = settings
        self._table = table
        self._columns = None if columns is None else list(columns)

    def _open(self) -> _library.ArrowArrayStream:
        columns = self._columns or []
        stream = _library.ArrowArrayStream()
        err = _library.Error()
        handle = self._settings.open()
        status = native.ice_session_scan(
            handle, _library.encode(self._table), _library.text_array(columns), len(columns), byref(stream), byref(err)
        )
        if status != 0:
            native.ice_session_close(handle)
            _session.raise_error(status, err)
        close = _library.address_of(native.ice_session_close)
        if _library.helper.icesink_python_own_stream(byref(stream), handle, close) != 0:
            stream.release(byref(stream))
            native.ice_session_close(handle)
            raise MemoryError
        return stream

    @property
    def schema(self) -> _arrow.Schema:
        stream = _arrow.Stream(self._open())
        stream.close()
        return stream.schema

    def __arrow_c_schema__(self) -> Any:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        # No cast is offered, which the protocol allows.
        return _arrow.make_capsule(self._open())

    def __iter__(self) -> Iterator[_arrow.Batch]:
        return iter(_arrow.Stream(self._open()))

    def to_arrow(self) -> Any:
        """All rows as a pyarrow.Table. Errors: ImportError without pyarrow."""
        import pyarrow

        stream = self._open()
        return pyarrow.RecordBatchReader._import_from_c(ctypes.addressof(stream)).read_all()

    def to_pylist(self) -> List[Dict[str, Any]]:
        """All rows as dicts of Python's own types. Needs no pyarrow."""
        return [row for batch in self for row in batch.to_pylist()]


class Table:
    """A table of a catalog, by its name. What it shows is what the catalog has at the time of the call."""

    def __init__(self, session: _session.Session, name: str) -> None:
        self._session = session
        self.name = name

    def __repr__(self) -> str:
        return f"icesink.Table({self.name})"

    def _load(self) -> Dict[str, Any]:
        loaded = json.loads(self._session.text(native.ice_session_load_table, _library.encode(self.name)))
        assert isinstance(loaded, dict)
        return loaded

    @property
    def metadata(self) -> Dict[str, Any]:
        """The table's metadata as the Iceberg specification writes it. Errors: NotFound."""
        metadata: Dict[str, Any] = self._load()["metadata"]
        return metadata

    @property
    def metadata_location(self) -> str:
        return str(self._load()["metadata-location"])

    @property
    def schema(self) -> _arrow.Schema:
        """The current schema; field ids stand in the metadata key `PARQUET:field_id`. Errors: NotFound."""
        schema = _library.ArrowSchema()
        self._session.call(native.ice_session_table_schema, _library.encode(self.name), byref(schema))
        return _arrow.Schema(schema)

    def writer(self) -> Writer:
        """Open a writer: the first step of writing in two, in as many processes as it takes; `commit` is the second."""
        return Writer(self._session, self.name)

    def append(
        self,
        data: Any,
        *,
        writer: Optional[str] = None,
        number: Optional[int] = None,
        summary: Mapping[str, Any] = {},
        overwrite: bool = False,
    ) -> AppendResult:
        """Append rows in one snapshot; `data` as in Writer.append, and nothing of it where a batch does not fit.

        With a token, `writer` (who appends) and `number` (growing with each of its appends), the rows are added exactly
        once: an append whose number is not above the table's does nothing. `summary` adds entries to the snapshot's
        summary; `overwrite` replaces what the table has at the time of the commit. Errors: as Writer.append and commit.
        """
        _check_token(writer, number)
        if writer is not None:
            known = self.token(writer)
            # Spares the files; commit decides it once more.
            if known is not None and number is not None and number <= known:
                return AppendResult(None, True)
        with self.writer() as files:
            files.append(data)
            return self.commit([files.finish()], writer=writer, number=number, summary=summary, overwrite=overwrite)

    def commit(
        self,
        files: Iterable[bytes],
        *,
        writer: Optional[str] = None,
        number: Optional[int] = None,
        summary: Mapping[str, Any] = {},
        overwrite: bool = False,
    ) -> AppendResult:
        """Put the files that writers described into the table, in one snapshot; arguments as in append.

        Errors: CommitUnknown: it may have been made or not; with a token the same call may be made again, now or after
        a restart, and finds out. Conflict (attempts used up), Corrupt (no description of files), InvalidArgument (files
        of another table)."""
        _check_token(writer, number)
        kept = [bytes(f) for f in files]
        texts = (_library.Text * len(kept))(
            *[_library.Text(ctypes.cast(ctypes.c_char_p(f), ctypes.c_void_p), len(f)) for f in kept]
        )
        entries = [f"{key}={value}" for key, value in summary.items()]
        request = _library.AppendRequest(
            table=_library.encode(self.name),
            files=texts,
            file_count=len(kept),
            writer=None if writer is None else _library.encode(writer),
            number=number or 0,
            overwrite=overwrite,
            summary=_library.text_array(entries),
            summary_count=len(entries),
        )
        outcome = _library.AppendOutcome()
        self._session.call(native.ice_session_append, byref(request), byref(outcome))
        return AppendResult(None if outcome.snapshot_id == -1 else outcome.snapshot_id, outcome.done_before)

    def token(self, writer: str) -> Optional[int]:
        """The highest number that the table remembers of a writer; None where it remembers none."""
        known, number = ctypes.c_bool(), ctypes.c_int64()
        self._session.call(
            native.ice_session_token, _library.encode(self.name), _library.encode(writer), byref(known), byref(number)
        )
        return number.value if known.value else None

    def scan(self, columns: Optional[Sequence[str]] = None) -> Scan:
        """Read `columns` (None: all) of the rows of the current snapshot. Errors come when it is read."""
        return Scan(self._session.settings, self.name, columns)

    def to_arrow(self, columns: Optional[Sequence[str]] = None) -> Any:
        """The rows as a pyarrow.Table."""
        return self.scan(columns).to_arrow()


def _check_token(writer: Optional[str], number: Optional[int]) -> None:
    if (writer is None) != (number is None):
        raise _errors.InvalidArgument("a token is a writer and a number: give both or neither")
    if number is not None and not -(2**63) <= number < 2**63:
        raise _errors.InvalidArgument(f"{number} is no 64-bit number")
