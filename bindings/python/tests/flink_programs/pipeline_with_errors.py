"""The pipeline with its errors written, an operator of another parallelism, and a task that fails once: argument 1 is
the file that says that it did, argument 2 how many rows come before."""

import pathlib
import sys

import flink_consumer  # noqa: F401
from flink_consumer.config.settings import Settings
from flink_consumer.converters.health_data_transformer import HealthDataTransformer
from flink_consumer.iceberg.sink import IcebergErrorSink, IcebergSink
from flink_consumer.services.kafka_source import create_kafka_source
from flink_consumer.validators.health_data_validator import HealthDataValidator
from local_cluster import configure
from pyflink.common import WatermarkStrategy
from pyflink.datastream import MapFunction, StreamExecutionEnvironment


class FailOnce(MapFunction):
    def __init__(self, marker, rows):
        self.marker = marker
        self.rows = rows

    def map(self, value):
        self.rows -= 1
        if self.rows == 0 and not pathlib.Path(self.marker).exists():
            pathlib.Path(self.marker).touch()
            raise RuntimeError("the failure of the test")
        return value


def main():
    env = StreamExecutionEnvironment.get_execution_environment()
    configure(env)
    env.set_parallelism(2)
    env.enable_checkpointing(1000)
    settings = Settings()
    kafka_source = create_kafka_source(settings, {"max.poll.records": "50"})
    raw_stream = env.from_source(kafka_source, WatermarkStrategy.no_watermarks(), "Kafka Source")
    transformed_stream = raw_stream.flat_map(HealthDataTransformer(settings)).set_parallelism(3)
    valid_stream = transformed_stream.filter(HealthDataValidator(settings))
    errors = transformed_stream.get_side_output(HealthDataTransformer.ERRORS).union(
        valid_stream.get_side_output(HealthDataValidator.ERRORS)
    )
    # What a job sets of its own stays, and hides nothing.
    env.get_config().set_global_job_parameters({"of the job": "kept"})
    iceberg_sink = IcebergSink(settings, env)
    assert iceberg_sink.initialize() is True
    rows = valid_stream.map(FailOnce(sys.argv[1], int(sys.argv[2])))
    assert iceberg_sink.write_to_iceberg(rows, settings.iceberg.table_raw) is True
    assert IcebergErrorSink(settings, iceberg_sink).write_errors_to_iceberg(errors) is True
    env.execute()


if __name__ == "__main__":
    main()
