"""Settings: every group from the environment and .env.local, defaults, and values that cannot be."""

import dataclasses
import os

import icesink
import pytest
from flink_consumer.config.settings import Settings, read_dotenv

GIVEN = {
    "KAFKA_BROKERS": "a:9092,b:9092",
    "KAFKA_TOPIC": "topic",
    "KAFKA_GROUP_ID": "group",
    "KAFKA_AUTO_OFFSET_RESET": "latest",
    "KAFKA_PARTITION_DISCOVERY_INTERVAL_MS": "1500",
    "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "user",
    "KAFKA_SASL_PASSWORD": "kafka secret",
    "SCHEMA_REGISTRY_URL": "http://registry:8081",
    "SCHEMA_REGISTRY_USERNAME": "reader",
    "SCHEMA_REGISTRY_PASSWORD": "registry secret",
    "ICEBERG_CATALOG_TYPE": "rest",
    "ICEBERG_CATALOG_NAME": "name",
    "ICEBERG_CATALOG_URI": "http://catalog:8181",
    "ICEBERG_WAREHOUSE": "s3://bucket/w",
    "ICEBERG_DATABASE": "base",
    "ICEBERG_TABLE_RAW": "raw",
    "ICEBERG_TABLE_ERRORS": "errors",
    "S3_ENDPOINT": "http://s3:9000",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "s3 ${secret}",
    "S3_PATH_STYLE_ACCESS": "true",
    "S3_BUCKET": "bucket",
    "S3_REGION": "eu-north-1",
    "BATCH_SIZE": "50",
    "BATCH_TIMEOUT_SECONDS": "7",
    "TARGET_FILE_SIZE_MB": "128",
    "CHECKPOINT_INTERVAL_MS": "30000",
    "LOG_LEVEL": "debug",
    "LOG_FORMAT": "json",
}
READ = {
    "kafka": {
        "brokers": "a:9092,b:9092",
        "topic": "topic",
        "group_id": "group",
        "auto_offset_reset": "latest",
        "partition_discovery_interval_ms": 1500,
        "security_protocol": "sasl_ssl",
        "sasl_mechanism": "PLAIN",
        "sasl_username": "user",
        "sasl_password": "kafka secret",
    },
    "schema_registry": {"url": "http://registry:8081", "username": "reader", "password": "registry secret"},
    "iceberg": {
        "catalog_type": "rest",
        "catalog_name": "name",
        "catalog_uri": "http://catalog:8181",
        "warehouse": "s3://bucket/w",
        "database": "base",
        "table_raw": "raw",
        "table_errors": "errors",
    },
    "s3": {
        "endpoint": "http://s3:9000",
        "access_key": "key",
        "secret_key": "s3 ${secret}",
        "path_style_access": True,
        "bucket": "bucket",
        "region": "eu-north-1",
    },
    "batch": {"batch_size": 50, "batch_timeout_seconds": 7, "target_file_size_mb": 128},
    "flink": {"checkpoint_interval_ms": 30000},
    "monitoring": {"log_level": "debug", "log_format": "json"},
}


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch, tmp_path):
    for name in [*os.environ]:
        if name in GIVEN or name.startswith(("AWS_", "FLINK_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("place", ["environment", ".env.local"])
def test_every_group_is_read(place, monkeypatch, tmp_path):
    if place == "environment":
        for name, value in GIVEN.items():
            monkeypatch.setenv(name, value)
    else:
        (tmp_path / ".env.local").write_text("".join(f"{name}='{value}'\n" for name, value in GIVEN.items()))
    settings = Settings()
    assert dataclasses.asdict(settings) == READ
    assert "secret" not in repr(settings)


def test_defaults_are_the_library_s_and_the_health_pipeline_s():
    settings = Settings()
    with icesink.open() as library:
        assert settings.batch.batch_size == int(library.setting("write.batch_size"))
        assert f"{settings.batch.batch_timeout_seconds}s" == library.setting("write.batch_timeout")
        assert f"{settings.batch.target_file_size_mb}MB" == library.setting("write.target_file_size")
        assert f"{settings.flink.checkpoint_interval_ms // 1000}s" == library.setting("commit.interval")
        assert settings.iceberg.catalog_type == library.setting("catalog.type")
    assert (settings.iceberg.database, settings.iceberg.table_raw, settings.iceberg.table_errors) == (
        "health_db",
        "health_data_raw",
        "health_data_errors",
    )
    assert settings.kafka.topic == "health-data-raw" and settings.kafka.group_id == "flink-iceberg-consumer"
    assert settings.iceberg.catalog_uri == "" and settings.s3.secret_key == "" and settings.s3.path_style_access is None
    assert settings.iceberg.full_name("t") == "health_db.t" and settings.iceberg.full_name("a.b.t") == "a.b.t"


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("BATCH_SIZE", "many", "a whole number"),
        ("BATCH_SIZE", "-1", "between"),
        ("BATCH_TIMEOUT_SECONDS", "soon", "a duration"),
        ("TARGET_FILE_SIZE_MB", "big", "a size"),
        ("KAFKA_AUTO_OFFSET_RESET", "middle", "earliest|latest"),
        ("S3_PATH_STYLE_ACCESS", "perhaps", "true or false"),
        ("ICEBERG_CATALOG_TYPE", "hive", "REST catalog"),
        ("CHECKPOINT_INTERVAL_MS", "x", "a duration"),
        ("LOG_LEVEL", "loud", "debug"),
    ],
)
def test_a_bad_value_is_named_with_its_variable_and_what_it_may_be(name, value, expected, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(icesink.InvalidArgument) as caught:
        Settings()
    for part in (name, value, expected):
        assert part in str(caught.value)


def test_unknown_variables_are_ignored_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env.local").write_text(
        "# a comment\nBATCH_SIZE=5\nICEBERG_SOMETHING=x\nexport KAFKA_TOPIC=t # mine\nS3_SECRET_KEY=a#b\n"
    )
    monkeypatch.setenv("KAFKA_UNHEARD_OF", "x")
    monkeypatch.setenv("BATCH_SIZE", "6")
    settings = Settings()
    assert (settings.batch.batch_size, settings.kafka.topic, settings.s3.secret_key) == (6, "t", "a#b")


def test_dotenv_is_read_as_the_library_reads_it(tmp_path):
    cases = [
        "plain",
        "'quoted # not a comment'",
        '"double"',
        "trailing # comment",
        "a#b",
        "#all comment",
        "'unclosed",
        '"un" closed',
        "  spaces  ",
        "a=b",
        "",
        "tab\t#c",
        "'don''t'",
    ]
    for case in cases:
        (tmp_path / ".env.local").write_text(f"  export KAFKA_GROUP_ID = {case}\r\n")
        with icesink.open(environment=True) as library:
            assert read_dotenv(".env.local").get("KAFKA_GROUP_ID", "") == library.setting("source.kafka.group"), case


def test_changed_fields_reach_the_library(monkeypatch):
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    settings.iceberg.database = "changed"
    settings.batch.batch_timeout_seconds = 2.5
    settings.batch.target_file_size_mb = 0.5
    settings.s3.secret_key = "new"
    given = settings.for_icesink()
    assert given["store.s3.secret_key"] == "new" and "source.kafka.sasl_password" not in given
    with icesink.open(given, environment=True) as library:
        assert library.setting("tables.database") == "changed"
        assert library.setting("write.batch_timeout") == "2500ms"
        assert library.setting("write.target_file_size") == f"{2**19}B"
        assert library.setting("source.kafka.topics") == "topic"
