"""The topic of the settings as a source of Flink."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from .._flink import java_class
from ..config.settings import KafkaSettings, Settings

_JAR = "flink-sql-connector-kafka (Maven: org.apache.flink:flink-sql-connector-kafka)"
_CONNECTOR = "icesink's jar for Flink"
_MODULES = {"PLAIN": "plain.PlainLoginModule"}
_SCRAM = "scram.ScramLoginModule"


def create_kafka_source(settings: Settings, properties: Mapping[str, str] = {}) -> Any:
    """A KafkaSource for `env.from_source`: each element is Row(topic, partition, offset, timestamp, key, value), key
    and value as bytes as they came (the registry's wire format), None where the record has none.

    `properties` are further ones of Kafka's consumer and of Flink's source, and win. Offsets are committed with Flink's
    checkpoints, for lag tools; a job that is restored goes on from the checkpoint. Errors: ValueError for
    `enable.auto.commit: true`; ImportError where Flink has no Kafka connector."""
    if str(properties.get("enable.auto.commit", "false")).lower() not in ("false", "no", "0"):
        raise ValueError(
            "enable.auto.commit: true is refused: offsets would be committed before their rows are; "
            "Flink commits them with its checkpoints"
        )
    builder = java_class("org.apache.flink.connector.kafka.source.KafkaSource", _JAR).builder()
    offsets = java_class("org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer", _JAR)
    rows = java_class("org.icesink.flink.KafkaRows", _CONNECTOR)
    from pyflink.datastream.connectors.kafka import KafkaSource
    from pyflink.java_gateway import get_gateway
    from pyflink.util.java_utils import to_jarray

    kafka = settings.kafka
    topics = [topic.strip() for topic in kafka.topic.split(",")]
    builder.setBootstrapServers(kafka.brokers)
    builder.setGroupId(kafka.group_id)
    builder.setTopics(to_jarray(get_gateway().jvm.java.lang.String, topics))
    builder.setStartingOffsets(offsets.latest() if kafka.auto_offset_reset == "latest" else offsets.earliest())
    builder.setDeserializer(rows.deserializer())
    for name, value in {**_properties(kafka), **properties}.items():
        builder.setProperty(name, str(value))
    return KafkaSource(builder.build())


def _properties(kafka: KafkaSettings) -> Dict[str, str]:
    interval_ms = kafka.partition_discovery_interval_ms
    found = {"partition.discovery.interval.ms": str(interval_ms if interval_ms > 0 else -1)}
    if kafka.security_protocol:
        found["security.protocol"] = kafka.security_protocol.upper()
    if kafka.sasl_mechanism:
        found["sasl.mechanism"] = kafka.sasl_mechanism.upper()
    if kafka.sasl_username:
        found["sasl.jaas.config"] = (
            f"{_login_module(kafka.sasl_mechanism)} required "
            f'username="{_quoted(kafka.sasl_username)}" password="{_quoted(kafka.sasl_password)}";'
        )
    return found


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _login_module(mechanism: str) -> str:
    """By the name that it has in the connector that is there: flink-sql-connector-kafka has its own copy."""
    module = f"org.apache.kafka.common.security.{_MODULES.get(mechanism.upper(), _SCRAM)}"
    try:
        java_class(f"org.apache.flink.kafka.shaded.{module}", _JAR)
    except ImportError:
        return module
    return f"org.apache.flink.kafka.shaded.{module}"
