"""The health pipeline of presets/health.yaml as native decoders, and records in every form that users have them in."""

from __future__ import annotations

import base64
import datetime
import json
import math
import pathlib
import re
import tempfile
import threading
import uuid
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import icesink

from .config.settings import Settings

# In the wheel the preset lies in the package, in a source tree where all presets are.
_PLACES = (pathlib.Path(__file__).parent / "presets", pathlib.Path(__file__).resolve().parents[3] / "presets")
PRESET = next((place / "health.yaml" for place in _PLACES if place.is_dir()), _PLACES[0] / "health.yaml").read_text(
    "utf-8"
)


def _section(name: str) -> str:
    """The lines of a top-level key of the preset. Its layout is this project's own: what belongs to a key is
    indented."""
    found = re.search(rf"^{name}:.*\n(?:[ \t]+.*\n|\n)*", PRESET, re.MULTILINE)
    assert found, f"the preset has no {name}"
    return found[0]


# Columns of the data table in order, and where a message has them; None: no field of the message.
PATHS: Dict[str, Optional[str]] = {
    name: path or None
    for name, path in re.findall(r"^  (\w+): +\{(?:path: ([\w.]+))?", _section("columns"), re.MULTILINE)
}
ELEMENTS = _section("explode").split(":")[1].strip()
_WITHOUT_RULES = PRESET.replace(_section("validate"), "")


class Coordinates(NamedTuple):
    """Where a record came from; as error records have it where nobody knows."""

    topic: str = ""
    partition: int = -1
    offset: int = -1
    timestamp_ms: int = -1
    key: Optional[bytes] = None


class HealthRow(Dict[str, Any]):
    """A row of the data table, by its columns; `coordinates` are those of the record that it came in."""

    coordinates = Coordinates()


class Message(NamedTuple):
    """A record's value, as bytes in the registry's wire format, or decoded and written as JSON; or a row written as
    one."""

    value: Optional[bytes]
    is_json: bool
    coordinates: Coordinates
    is_row: bool = False


_FAULTS = uuid.uuid5(uuid.NAMESPACE_URL, "icesink:error")


def fault_id(error_type: str, error_message: str, sample_id: Optional[str], place: Coordinates) -> str:
    """An id that the same fault of the same Kafka record always has; without coordinates each fault is another."""
    parts = (error_type, error_message, sample_id, place.topic, place.partition, place.offset)
    return str(uuid.uuid5(_FAULTS, json.dumps(parts)) if place.offset >= 0 else uuid.uuid4())


# Records -------------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """A decoded value as JSON has it; what JSON has no number for is text, which the pipeline converts."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    return str(value)


def to_json(value: Any) -> bytes:
    """A decoded value as JSON text."""
    return json.dumps(_plain(value)).encode()


def as_mapping(record: Any) -> Optional[Mapping[str, Any]]:
    """A dict, a named tuple or a Row with field names by its names; None for anything else."""
    if isinstance(record, Mapping):
        return record
    for method in ("_asdict", "as_dict"):
        if hasattr(record, method):
            try:
                named = getattr(record, method)()
            except Exception:  # PyFlink's Row has the method also where it has no names
                return None
            return named if isinstance(named, Mapping) else None
    return None


def read_message(record: Any) -> Optional[Message]:
    """A message in any of its forms: bytes, a decoded dict, or a record with topic, partition, offset and value of
    either. None: it is none, but perhaps a row."""
    if isinstance(record, (bytes, bytearray, memoryview)):
        return Message(bytes(record), False, Coordinates())
    named = as_mapping(record)
    if named is not None and ELEMENTS in named:
        return Message(to_json(named), True, Coordinates())
    names = ("topic", "partition", "offset", "timestamp", "key", "value")
    topic, partition, offset, timestamp, key, value = (
        named.get(name) if named is not None else getattr(record, name, None) for name in names
    )
    if topic is None or partition is None or offset is None:
        return None
    place = Coordinates(
        str(topic),
        int(partition),
        int(offset),
        -1 if timestamp is None else int(timestamp),
        key if isinstance(key, bytes) else None,
    )
    if value is None or isinstance(value, (bytes, bytearray, memoryview)):
        return Message(None if value is None else bytes(value), False, place)
    return Message(to_json(value), True, place)


def message_of_row(row: Mapping[str, Any]) -> bytes:
    """The message that a row of the data table would come from."""
    message: Dict[str, Any] = {}
    element: Dict[str, Any] = {}
    for column, path in PATHS.items():
        if path is None or row.get(column) is None:
            continue
        inside = path.startswith(ELEMENTS + ".")
        (element if inside else message)[path[len(ELEMENTS) + 1 :] if inside else path] = row[column]
    return to_json({**message, ELEMENTS: [element]})


# Decoding ------------------------------------------------------------------------------------------------------------


class Decoded(NamedTuple):
    rows: List[HealthRow]
    errors: List[Dict[str, Any]]


class HealthDecoder:
    """The health pipeline with its rules or without, for messages of the registry and of JSON.

    Ownership: owns two native decoders, opened when they are first needed. Threads: any. May be pickled: a copy opens
    its own."""

    def __init__(self, settings: Optional[Settings], rules: bool) -> None:
        self._settings = settings
        self._rules = rules
        self._open_decoders()

    def _open_decoders(self) -> None:
        self._decoders: Dict[bool, icesink.Decoder] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> Tuple[Optional[Settings], bool]:
        return self._settings, self._rules

    def __setstate__(self, state: Tuple[Optional[Settings], bool]) -> None:
        self._settings, self._rules = state
        self._open_decoders()

    def _decoder(self, is_json: bool) -> icesink.Decoder:
        if is_json not in self._decoders:
            self._settings = self._settings or Settings()
            registry = self._settings.for_icesink()
            settings = {key: value for key, value in registry.items() if key.startswith(("source.decode.", "tables."))}
            settings["name"] = "health"
            settings["source.decode.format"] = "json" if is_json else "avro"
            if self._rules:
                opened = icesink.Decoder({**settings, "preset": "health"}, environment=True)
            else:
                with tempfile.NamedTemporaryFile("w", prefix="icesink-", suffix=".yaml", encoding="utf-8") as file:
                    file.write("pipeline:\n" + "".join(f"  {line}\n" for line in _WITHOUT_RULES.splitlines()))
                    file.flush()
                    opened = icesink.Decoder(settings, config=file.name, environment=True)
            self._decoders[is_json] = opened
        return self._decoders[is_json]

    def decode(self, message: Message) -> Decoded:
        """Rows and error records of one message.

        Errors: InputOutputError and the like where the registry cannot be asked (`retryable`): that is no bad record.
        """
        place = message.coordinates
        with self._lock:
            decoder = self._decoder(message.is_json)
            try:
                decoder.add(
                    [(place.topic, place.partition, place.offset, place.timestamp_ms, place.key, message.value)]
                )
            except icesink.IcesinkError as failure:
                if failure.fatal:
                    self._decoders.pop(message.is_json).close()
                raise
            rows = [HealthRow(row) for row in decoder.take().to_pylist()]
            errors = decoder.dead_letters().to_pylist()
        for row in rows:
            row.coordinates = place
        for error in errors:
            if message.is_json:
                # Not the message as it came: nothing could be replayed from it.
                error["raw_bytes"] = None
            if message.is_row:
                error["element_index"] = None
            # The library's id counts on the coordinates, and on the element's place in the message.
            if message.is_row or place.offset < 0:
                error["error_id"] = fault_id(error["error_type"], error["error_message"], error["sample_id"], place)
        return Decoded(rows, errors)

    def close(self) -> None:
        with self._lock:
            for decoder in self._decoders.values():
                decoder.close()
            self._decoders.clear()
