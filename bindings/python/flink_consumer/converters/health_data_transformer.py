"""Messages of health data to rows of the data table."""

from __future__ import annotations

import collections
import copy
import logging
from typing import Any, ClassVar, Counter, Iterator, Optional

from .._flink import error_tag
from .._health import Decoded, HealthDecoder, HealthRow, read_message
from ..config.settings import Settings

_logger = logging.getLogger("flink_consumer")


class HealthDataTransformer:
    """One row per sample, with the columns and types of the data table; timestamps are datetimes in UTC without a zone.

    It decodes and converts; the rules for values are HealthDataValidator's. A sample that cannot become a row is an
    error record (`deserialization_error`, `schema_error`, `transformation_error`; a missing required field is a
    `validation_error`), its siblings pass. A record may be bytes in the registry's wire format, a decoded dict, or a
    record or Row with topic, partition, offset and value; without coordinates an error record has topic "" and -1.

    In Flink: `stream.flat_map(HealthDataTransformer())`, and `get_side_output(HealthDataTransformer.ERRORS)` of what
    that returns are the error records. Errors that nobody takes are counted in numRecordsFailed and logged by type."""

    ERRORS: ClassVar[Any] = error_tag("health-data-transformer-errors")

    def __init__(self, settings: Optional[Settings] = None) -> None:
        """`settings` (None: Settings(), when the first record comes) name the schema registry."""
        self._settings = settings
        self._decoder = HealthDecoder(settings, rules=False)
        self.failed: Counter[str] = collections.Counter()

    def transform(self, record: Any) -> Decoded:
        """The rows and the error records of one record.

        Errors: TypeError for what is no record at all; icesink.IcesinkError where the registry cannot be asked.
        """
        message = read_message(record)
        if message is None:
            raise TypeError(
                f"no record of health data: {type(record).__name__} is neither bytes nor a dict with samples, and has "
                "no topic, partition, offset and value"
            )
        return self._decoder.decode(message)

    def flat_map(self, record: Any) -> Iterator[HealthRow]:
        """The rows of one record. Errors are counted in `failed` and logged, each by its type."""
        rows, errors = self.transform(record)
        for error in errors:
            self.failed[error["error_type"]] += 1
            _logger.warning(
                "Error recorded: %s",
                error["error_type"],
                extra={"error_type": error["error_type"], "count": self.failed[error["error_type"]]},
            )
        yield from rows

    def apply_to_stream(self, stream: Any, output_type: Any = None) -> Any:
        """`stream.flat_map(self)`. Tasks have the settings of this process."""
        from .._streams import TransformFunction, run_on_stream

        worker = copy.copy(self)
        worker._decoder = HealthDecoder(self._settings or Settings(), rules=False)
        return run_on_stream(stream, TransformFunction, worker, self.ERRORS, "HealthDataTransformer", output_type)

    def close(self) -> None:
        self._decoder.close()
