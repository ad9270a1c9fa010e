"""The rules for health data, on rows and on messages."""

from __future__ import annotations

import collections
import copy
import logging
from typing import Any, ClassVar, Counter, Dict, List, Optional

from .._flink import error_tag
from .._health import PATHS, Coordinates, HealthDecoder, Message, as_mapping, message_of_row, read_message
from ..config.settings import Settings

_logger = logging.getLogger("flink_consumer")


class HealthDataValidator:
    """Which rows are fit for the data table: required columns, ranges by data type, end not before start. Types that no
    rule names pass. A record may be a row (of HealthDataTransformer, a dict, named tuple or Row, or a tuple in the
    order of the columns), or a message in any form that the transformer takes, which is valid when all of its samples
    are.

    In Flink: `stream.filter(HealthDataValidator())`, and `get_side_output(HealthDataValidator.ERRORS)` of what that
    returns are the error records. Errors that nobody takes are counted in numRecordsFailed and logged by type."""

    ERRORS: ClassVar[Any] = error_tag("health-data-validator-errors")

    def __init__(self, settings: Optional[Settings] = None) -> None:
        """`settings` (None: Settings(), when the first record comes) name the schema registry, for messages."""
        self._settings = settings
        self._decoder = HealthDecoder(settings, rules=True)
        self.failed: Counter[str] = collections.Counter()

    def validate(self, record: Any) -> List[Dict[str, Any]]:
        """The error records of one record; none: it is valid. The first rule that fails gives the cause.

        Errors: TypeError for what is no record at all; icesink.IcesinkError where the registry cannot be asked.
        """
        message = read_message(record)
        if message is None:
            row = as_mapping(record)
            if row is None and hasattr(record, "__iter__") and len(list(record)) == len(PATHS):
                row = dict(zip(PATHS, record))
            if row is None:
                raise TypeError(f"neither a row nor a message of health data: {type(record).__name__}")
            message = Message(message_of_row(row), True, getattr(record, "coordinates", Coordinates()), is_row=True)
        return self._decoder.decode(message).errors

    def filter(self, record: Any) -> bool:
        """Whether a record is valid. Errors are counted in `failed` and logged, each by its type."""
        errors = self.validate(record)
        for error in errors:
            self.failed[error["error_type"]] += 1
            _logger.warning(
                "Error recorded: %s",
                error["error_type"],
                extra={"error_type": error["error_type"], "count": self.failed[error["error_type"]]},
            )
        return not errors

    def apply_to_stream(self, stream: Any) -> Any:
        """`stream.filter(self)`. Tasks have the settings of this process."""
        from .._streams import ValidateFunction, run_on_stream

        worker = copy.copy(self)
        worker._decoder = HealthDecoder(self._settings or Settings(), rules=True)
        return run_on_stream(stream, ValidateFunction, worker, self.ERRORS, "HealthDataValidator", stream.get_type())

    def close(self) -> None:
        self._decoder.close()
