"""The pipeline of the documentation, as it stands there; checkpoints are more frequent."""

import flink_consumer  # gives PyFlink 2 the names that Flink renamed  # noqa: F401
from flink_consumer.config.settings import Settings
from flink_consumer.converters.health_data_transformer import HealthDataTransformer
from flink_consumer.iceberg.sink import IcebergErrorSink, IcebergSink
from flink_consumer.services.kafka_source import create_kafka_source
from flink_consumer.validators.health_data_validator import HealthDataValidator
from local_cluster import configure
from pyflink.datastream import CheckpointingMode, ExternalizedCheckpointCleanup, StreamExecutionEnvironment


def main():
    env = StreamExecutionEnvironment.get_execution_environment()
    configure(env)
    env.set_parallelism(2)
    env.enable_checkpointing(1000)
    env.get_checkpoint_config().set_checkpointing_mode(CheckpointingMode.EXACTLY_ONCE)
    env.get_checkpoint_config().enable_externalized_checkpoints(ExternalizedCheckpointCleanup.RETAIN_ON_CANCELLATION)
    settings = Settings()
    kafka_source = create_kafka_source(settings)
    raw_stream = env.from_source(kafka_source, "Kafka Source")
    transformed_stream = raw_stream.flat_map(HealthDataTransformer())
    valid_stream = transformed_stream.filter(HealthDataValidator())
    iceberg_sink = IcebergSink(settings, env)
    iceberg_sink.initialize()
    iceberg_sink.write_to_iceberg(data_stream=valid_stream, table_name=settings.iceberg.table_raw)
    error_sink = IcebergErrorSink(settings, iceberg_sink)  # noqa: F841
    env.execute("Health Data to Iceberg Pipeline")


if __name__ == "__main__":
    main()
