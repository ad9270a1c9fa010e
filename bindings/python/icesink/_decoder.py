"""The pipeline of a configuration without a source: Kafka records in, rows and dead letters out."""

from __future__ import annotations

import os
from ctypes import byref
from typing import Any, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

from . import _arrow, _catalog, _library, _session
from ._library import native


class Record(NamedTuple):
    """A record as Kafka has it. A plain tuple of the same order does as well."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: Optional[bytes]
    value: Optional[bytes]


class Counts(NamedTuple):
    """What became of all records: elements = rows + dead_letters + filtered."""

    records: int
    elements: int
    rows: int
    dead_letters: int
    filtered: int


class Decoder(_session.Part):
    """Decodes by the settings `pipeline`, `source.decode.*`, `name` and `tables.*`; takes what icesink.open takes.

    A record that is bad is a dead letter, not an error. No catalog is asked. Threads: any, one at a time.
    """

    _close_function = native.ice_decoder_close
    _what = "decoder"

    def __init__(
        self,
        settings: Optional[Mapping[str, Any]] = None,
        /,
        *,
        config: "Union[str, os.PathLike[str], None]" = None,
        environment: bool = False,
        **further: Any,
    ) -> None:
        """Errors: InvalidArgument (settings), Corrupt (a schema)."""
        session = _catalog.open_session(settings, config, environment, further)
        try:
            super().__init__(session, native.ice_decoder_open)
        except BaseException:
            session.close()
            raise
        self._schemas: List[_arrow.Schema] = []
        self.tables: List[str] = []
        for i in range(session.get_of_part(self, native.ice_decoder_table_count)):
            name, schema = _library.Text(), _library.ArrowSchema()
            session.call_part(self, native.ice_decoder_table, i, byref(name), byref(schema))
            self.tables.append(_session.take_text(name).decode())
            self._schemas.append(_arrow.Schema(schema))

    @property
    def dead_letter_table(self) -> str:
        """The last one of `tables`."""
        return self.tables[-1]

    def schema(self, table: int = 0) -> _arrow.Schema:
        """The columns of `tables[table]`; -1: of the dead letters."""
        return self._schemas[table]

    def add(self, records: Iterable[Tuple[str, int, int, int, Optional[bytes], Optional[bytes]]]) -> None:
        """Decode records; what comes of them is kept until it is taken.

        Errors: whatever a schema registry gives that cannot be asked, `retryable`: nothing has happened, call again.
        """
        kept = [
            (_library.encode(topic), partition, offset, timestamp_ms, key, value)
            for topic, partition, offset, timestamp_ms, key, value in records
        ]
        native_records = (_library.KafkaRecord * len(kept))(
            *[
                _library.KafkaRecord(
                    topic, partition, offset, timestamp_ms, key, len(key or b""), value, len(value or b"")
                )
                for topic, partition, offset, timestamp_ms, key, value in kept
            ]
        )
        self._session.call_part(self, native.ice_decoder_add, native_records, len(kept))

    def take(self, table: int = 0) -> _arrow.Batch:
        """The rows of `tables[table]` since the last time; -1: the dead letters."""
        index = range(len(self.tables))[table]
        array = _library.ArrowArray()
        self._session.call_part(self, native.ice_decoder_take, index, byref(array))
        return _arrow.Batch(self._schemas[index], array)

    def dead_letters(self) -> _arrow.Batch:
        return self.take(-1)

    @property
    def counts(self) -> Counts:
        counts = self._session.get_of_part(self, native.ice_decoder_get_counts)
        return Counts(counts.records, counts.elements, counts.rows, counts.dead_letters, counts.filtered)

    def close(self) -> None:
        super().close()
        self._session.close()
