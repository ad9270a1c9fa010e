"""The settings of a pipeline, from the environment and `.env.local` of the working directory.
 What a variable means, what it may be and what holds without it is the library's to say (docs/configuration.md); this
module only gives the values their names and Python's types."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple, Union

import icesink

DEFAULTS = str(pathlib.Path(__file__).resolve().parents[1] / "defaults.yaml")
Number = Union[int, float]


class _Type(NamedTuple):
    """How a value is read from the library's text, and written as one."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]


def _scaled(units: Dict[str, int], unit: str) -> _Type:
    """Numbers in `unit`; texts without one are in it, as those of the variables are."""

    def read(text: str) -> Number:
        match = re.fullmatch(r"([0-9]+) *([A-Za-z]*)", text)
        assert match, text  # the library has checked it
        value = int(match[1]) * units[match[2] or unit]
        return value // units[unit] if value % units[unit] == 0 else value / units[unit]

    smallest = min(units, key=lambda name: units[name])
    return _Type(read, lambda value: f"{round(value * units[unit])}{smallest}")


_DURATIONS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_SIZES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TEXT = _Type(str, str)
_WHOLE = _Type(int, str)
_SECONDS = _scaled(_DURATIONS, "s")
_MILLISECONDS = _scaled(_DURATIONS, "ms")
_MEGABYTES = _scaled(_SIZES, "MB")
_YES_NO = _Type(lambda text: text in ("true", "yes", "1"), lambda value: "true" if value else "false")


def _setting(key: str, kind: _Type = _TEXT) -> Any:
    """A field that is a setting of the library."""
    return dataclasses.field(default=None, metadata={"key": key, "type": kind})


def _secret(key: str, variable: str) -> Any:
    """The same for one that the library does not tell: read from its variable."""
    return dataclasses.field(default="", repr=False, metadata={"key": key, "type": _TEXT, "secret": variable})


@dataclasses.dataclass
class KafkaSettings:
    brokers: str = _setting("source.kafka.brokers")
    topic: str = _setting("source.kafka.topics")
    group_id: str = _setting("source.kafka.group")
    auto_offset_reset: str = _setting("source.kafka.start")
    partition_discovery_interval_ms: int = _setting("source.kafka.discovery_interval", _MILLISECONDS)
    security_protocol: str = _setting("source.kafka.security_protocol")
    sasl_mechanism: str = _setting("source.kafka.sasl_mechanism")
    sasl_username: str = _setting("source.kafka.sasl_username")
    sasl_password: str = _secret("source.kafka.sasl_password", "KAFKA_SASL_PASSWORD")


@dataclasses.dataclass
class SchemaRegistrySettings:
    url: str = _setting("source.decode.registry")
    username: str = _setting("source.decode.registry_username")
    password: str = _secret("source.decode.registry_password", "SCHEMA_REGISTRY_PASSWORD")


@dataclasses.dataclass
class IcebergSettings:
    catalog_type: str = _setting("catalog.type")
    catalog_name: str = _setting("catalog.name")
    catalog_uri: str = _setting("catalog.uri")
    warehouse: str = _setting("catalog.warehouse")
    database: str = _setting("tables.database")
    table_raw: str = _setting("tables.data")
    table_errors: str = _setting("tables.dead_letters")

    def full_name(self, table: str) -> str:
        """A table name without a dot is in `database`; with dots it stands as given."""
        return table if "." in table else f"{self.database}.{table}"


@dataclasses.dataclass
class S3Settings:
    endpoint: str = _setting("store.s3.endpoint")
    access_key: str = _setting("store.s3.access_key")
    secret_key: str = _secret("store.s3.secret_key", "S3_SECRET_KEY")
    path_style_access: Optional[bool] = _setting("store.s3.path_style", _YES_NO)
    """None: not set; buckets are then addressed by path where `endpoint` is set."""
    bucket: str = _setting("store.s3.bucket")
    region: str = _setting("store.s3.region")


@dataclasses.dataclass
class BatchSettings:
    batch_size: int = _setting("write.batch_size", _WHOLE)
    batch_timeout_seconds: Number = _setting("write.batch_timeout", _SECONDS)
    target_file_size_mb: Number = _setting("write.target_file_size", _MEGABYTES)


@dataclasses.dataclass
class FlinkSettings:
    checkpoint_interval_ms: int = _setting("commit.interval", _MILLISECONDS)


@dataclasses.dataclass
class MonitoringSettings:
    log_level: str = _setting("log.level")
    log_format: str = _setting("log.format")


@dataclasses.dataclass
class Settings:
    """All groups, read when it is made; fields may be changed afterwards.

    Errors: icesink.InvalidArgument, which names the variable, what it may be, and what it is. Unknown variables are
    ignored."""

    kafka: KafkaSettings = dataclasses.field(init=False, default_factory=KafkaSettings)
    schema_registry: SchemaRegistrySettings = dataclasses.field(init=False, default_factory=SchemaRegistrySettings)
    iceberg: IcebergSettings = dataclasses.field(init=False, default_factory=IcebergSettings)
    s3: S3Settings = dataclasses.field(init=False, default_factory=S3Settings)
    batch: BatchSettings = dataclasses.field(init=False, default_factory=BatchSettings)
    flink: FlinkSettings = dataclasses.field(init=False, default_factory=FlinkSettings)
    monitoring: MonitoringSettings = dataclasses.field(init=False, default_factory=MonitoringSettings)

    def __post_init__(self) -> None:
        dotenv = read_dotenv(".env.local")
        with icesink.open(config=DEFAULTS, environment=True) as catalog:
            for group, field in self._fields():
                secret = field.metadata.get("secret")
                if secret:
                    value: Any = os.environ.get(secret) or dotenv.get(secret, "")
                else:
                    text = catalog.setting(field.metadata["key"])
                    kind = field.metadata["type"]
                    value = kind.read(text) if text else "" if kind is _TEXT else None
                setattr(group, field.name, value)
        self._read_secrets = {
            field.metadata["key"]: getattr(group, field.name)
            for group, field in self._fields()
            if "secret" in field.metadata
        }

    def _fields(self) -> "Iterator[Tuple[Any, dataclasses.Field[Any]]]":
        for group in (getattr(self, field.name) for field in dataclasses.fields(self)):
            for field in dataclasses.fields(group):
                yield group, field

    def for_icesink(self) -> Dict[str, str]:
        """The settings by the library's keys, as icesink.open takes them with `environment` and `config=DEFAULTS`."""
        found = {}
        for group, field in self._fields():
            key, value = field.metadata["key"], getattr(group, field.name)
            # The library reads an unchanged secret itself, where nothing in it has a meaning.
            if value not in (None, "") and value != self._read_secrets.get(key):
                found[key] = field.metadata["type"].write(value)
        return found


def read_dotenv(path: str) -> Dict[str, str]:
    """The variables of a dotenv file, as the library reads it: `export` allowed, quotes stripped, `#` after white space
    begins a comment. Empty where there is no such file."""
    found: Dict[str, str] = {}
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return found
    for line in text.split("\n"):
        line = line.strip(" \t\r")
        if line.startswith("export "):
            line = line[len("export ") :].strip(" \t\r")
        name, equals, rest = line.partition("=")
        if line.startswith("#") or not equals:
            continue
        rest = rest.strip(" \t\r")
        if rest[:1] in ("'", '"'):
            value, closed, _ = rest[1:].partition(rest[0])
            value = value if closed else rest
        else:
            value = re.split(r"(?:^|[ \t])#", rest, maxsplit=1)[0].rstrip(" \t\r")
        # An empty variable counts as not set.
        if value:
            found[name.strip(" \t\r")] = value
    return found
