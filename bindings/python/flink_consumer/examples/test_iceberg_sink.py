"""Checks the sink: python examples/test_iceberg_sink.py

Needs PyFlink and icesink's jar for Flink (in Flink's lib folder, or named in ICESINK_FLINK_JARS), and no server: tables
are in a temporary directory, unless ICEBERG_* names a catalog. There it makes two tables of its own, and drops them.
Exits with 1 if any check failed."""

import os
import pathlib
import sys
import tempfile
import traceback
from typing import Any, Dict

# The package beside this file, where none is installed.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2]))

import icesink  # noqa: E402
from flink_consumer.config.settings import Settings  # noqa: E402
from flink_consumer.converters.health_data_transformer import HealthDataTransformer  # noqa: E402
from flink_consumer.iceberg.sink import IcebergErrorSink, IcebergSink  # noqa: E402
from flink_consumer.iceberg.table_manager import IcebergTableManager  # noqa: E402
from flink_consumer.validators.health_data_validator import HealthDataValidator  # noqa: E402
from pyflink.common import Row, Types  # noqa: E402
from pyflink.datastream import StreamExecutionEnvironment  # noqa: E402
from pyflink.table import StreamTableEnvironment  # noqa: E402

VALUES = [("a", 60.0), ("b", 72.5), ("c", 250.0)]


def message(sample: str, value: float) -> Dict[str, Any]:
    """A decoded message with one sample."""
    when = "2024-03-01T10:00:00Z"
    element: Dict[str, Any] = {
        "id": sample,
        "type": "heartRate",
        "value": value,
        "unit": "count/min",
        "startDate": when,
    }
    element.update(endDate=when, metadata={}, isSynced=True, createdAt=when)
    return {"deviceId": "device", "userId": "user", "timestamp": when, "appVersion": "1.0", "samples": [element]}


class Checks:
    def __init__(self) -> None:
        self.settings = Settings()
        self.settings.iceberg.table_raw = "test_iceberg_sink_raw"
        self.settings.iceberg.table_errors = "test_iceberg_sink_errors"
        self.env = StreamExecutionEnvironment.get_execution_environment()
        self.env.set_parallelism(1)
        self.sink = IcebergSink(self.settings, self.env)
        self.tables = [self.settings.iceberg.table_raw, self.settings.iceberg.table_errors]

    def initialisation(self) -> None:
        """sink initialisation and catalog registration"""
        assert self.sink.initialize() is True
        assert self.settings.iceberg.database in self.sink.catalog.list_namespaces()
        IcebergTableManager(self.settings, self.sink.catalog).initialize_all_tables()

    def batches(self) -> None:
        """batch configuration"""
        os.environ["BATCH_SIZE"] = "250"
        assert Settings().batch.batch_size == 250
        os.environ["BATCH_SIZE"] = "many"
        try:
            Settings()
        except icesink.InvalidArgument as error:
            assert "BATCH_SIZE" in str(error)
        else:
            raise AssertionError("a batch of many rows was taken")
        finally:
            del os.environ["BATCH_SIZE"]

    def errors(self) -> None:
        """error sink"""
        errors = IcebergErrorSink(self.settings, self.sink)
        record = errors.create_error_record("transformation_error", "a test", raw_payload={"a": 1})
        assert len(record) == 12
        assert errors.write_errors_to_iceberg(self.env.from_collection([record])) is True

    def conversion(self) -> None:
        """DataStream to Table and back"""
        typed = Types.ROW_NAMED(["sample", "value"], [Types.STRING(), Types.DOUBLE()])
        stream = self.env.from_collection([Row(*row) for row in VALUES], typed)
        tables = StreamTableEnvironment.create(self.env)
        table = tables.from_data_stream(stream)
        assert table.get_schema().get_field_names() == ["sample", "value"]
        messages = tables.to_data_stream(table).map(lambda row: message(row.sample, row.value))
        rows = messages.flat_map(HealthDataTransformer(self.settings)).filter(HealthDataValidator(self.settings))
        assert self.sink.write_to_iceberg(data_stream=rows, table_name=self.settings.iceberg.table_raw) is True

    def writing(self) -> None:
        """one job that writes both tables"""
        self.env.execute("test_iceberg_sink")
        raw, errors = (self.sink.catalog.load_table(self.settings.iceberg.full_name(name)) for name in self.tables)
        found = [(row["sample_id"], row["value"]) for batch in raw.scan() for row in batch.to_pylist()]
        assert sorted(found) == VALUES, found
        assert sum(len(batch.to_pylist()) for batch in errors.scan()) == 1

    def clean(self) -> None:
        for name in self.tables:
            try:
                self.sink.catalog.drop_table(self.settings.iceberg.full_name(name))
            except icesink.IcesinkError:
                pass


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="icesink-") as directory:
        if not any(name.startswith("ICEBERG_") for name in os.environ):
            os.environ["ICEBERG_CATALOG_TYPE"] = "sqlite"
            os.environ["ICEBERG_CATALOG_URI"] = f"{directory}/catalog.db"
            os.environ["ICEBERG_WAREHOUSE"] = f"{directory}/warehouse"
        checks = Checks()
        for check in (checks.initialisation, checks.batches, checks.errors, checks.conversion, checks.writing):
            try:
                check()
                print(f"ok {check.__doc__}")
            except Exception as error:
                failed += 1
                print(f"FAILED {check.__doc__}: {error}")
                traceback.print_exc()
        checks.clean()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
