"""The transformer and the validator as process functions, which can emit errors beside rows. Needs PyFlink."""

from __future__ import annotations

import collections
import itertools
import logging
from typing import Any, Counter, Dict, Iterator, List

from pyflink.datastream import DataStream, KeyedStream, MapFunction, ProcessFunction

from ._flink import take_errors

_logger = logging.getLogger("flink_consumer")
_numbers = itertools.count(1)


def log_error(error_type: str, count: int, **further: Any) -> None:
    """The warning of an error record, with what is known of it as fields of the log record."""
    _logger.warning("Error recorded: %s", error_type, extra={"error_type": error_type, "count": count, **further})


class HealthStream(DataStream):
    """What passed the transformer or the validator; `get_side_output(….ERRORS)` is what did not, as error records."""

    def __init__(self, stream: Any, tag: Any, parameter: str) -> None:
        super().__init__(stream._j_data_stream)
        self._errors = tag
        self._parameter = parameter

    def get_side_output(self, output_tag: Any) -> Any:
        if output_tag.tag_id == self._errors.tag_id:
            take_errors(self.get_execution_environment(), self._parameter)
        return super().get_side_output(output_tag)


class _HealthFunction(ProcessFunction):
    """Ownership: owns `worker`, closed with the task."""

    def __init__(self, worker: Any, tag: Any, parameter: str) -> None:
        self.worker = worker
        self.tag = tag
        self.parameter = parameter
        self.failed: Counter[str] = collections.Counter()

    def open(self, runtime_context: Any) -> None:
        # Who consumes the stream is known when the whole job is; a tagged value that nobody takes would become a row.
        self.taken = runtime_context.get_job_parameter(self.parameter, "") == "true"
        # A group of its own: functions that Flink chains share the operator's, where one would hide the other's count.
        group = runtime_context.get_metrics_group().add_group(type(self.worker).__name__)
        self.failures = group.counter("numRecordsFailed")

    def close(self) -> None:
        self.worker.close()

    def emit(self, errors: List[Dict[str, Any]]) -> Iterator[Any]:
        for error in errors:
            if self.taken:
                yield self.tag, error
                continue
            self.failures.inc()
            self.failed[error["error_type"]] += 1
            log_error(error["error_type"], self.failed[error["error_type"]])


class TransformFunction(_HealthFunction):
    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        rows, errors = self.worker.transform(value)
        yield from rows
        yield from self.emit(errors)


class ValidateFunction(_HealthFunction):
    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        errors = self.worker.validate(value)
        if not errors:
            yield value
        yield from self.emit(errors)


class LogErrors(MapFunction):
    """Logs each error record of a table on its way."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.recorded: Counter[str] = collections.Counter()

    def map(self, value: Any) -> Any:
        error_type = value["error_type"]
        self.recorded[error_type] += 1
        log_error(error_type, self.recorded[error_type], table=self.table)
        return value


def run_on_stream(stream: Any, function: Any, worker: Any, tag: Any, name: str, output_type: Any) -> HealthStream:
    """`worker` on each element of a stream, by one of the functions above."""
    values = stream._values() if isinstance(stream, KeyedStream) else stream
    parameter = f"flink_consumer.errors-taken.{next(_numbers)}"
    processed = values.process(function(worker, tag, parameter), output_type).name(name)
    return HealthStream(processed, tag, parameter)
