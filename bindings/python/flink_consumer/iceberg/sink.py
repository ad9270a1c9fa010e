"""Error records."""

from __future__ import annotations

import datetime
from typing import Any, Dict, Optional

from .._health import Coordinates, fault_id, to_json
from ..config.settings import Settings

_PAYLOAD_BYTES_MAX = 64 * 1024


class IcebergErrorSink:
    """Makes the records of the table of errors."""

    def __init__(self, settings: Settings, iceberg_sink: Any) -> None:
        self.settings = settings
        self.iceberg_sink = iceberg_sink

    def create_error_record(
        self,
        error_type: str,
        error_message: str,
        raw_payload: Any = None,
        user_id: Optional[str] = None,
        device_id: Optional[str] = None,
        sample_id: Optional[str] = None,
        data_type: Optional[str] = None,
        kafka_topic: str = "",
        kafka_partition: int = -1,
        kafka_offset: int = -1,
    ) -> Dict[str, Any]:
        """A record of the table of errors, with the time of the call in UTC.

        The same fault of the same Kafka record has the same `error_id` whenever it is found. `raw_payload` is text for
        people: a decoded message becomes JSON, bytes that are no UTF-8 are left out; it is cut at 64 KiB on a
        character."""
        place = Coordinates(kafka_topic, kafka_partition, kafka_offset)
        return {
            "error_id": fault_id(error_type, error_message, sample_id, place),
            "error_type": error_type,
            "error_message": error_message,
            "error_timestamp": datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None),
            "raw_payload": _payload(raw_payload),
            "user_id": user_id,
            "device_id": device_id,
            "sample_id": sample_id,
            "data_type": data_type,
            "kafka_topic": kafka_topic,
            "kafka_partition": kafka_partition,
            "kafka_offset": kafka_offset,
        }


def _payload(given: Any) -> Optional[str]:
    if given is None:
        return None
    if isinstance(given, (bytes, bytearray, memoryview)):
        data = bytes(given)
        try:
            data.decode()
        except UnicodeDecodeError:
            return None
    else:
        data = given.encode("utf-8", "replace") if isinstance(given, str) else to_json(given)
    return data[:_PAYLOAD_BYTES_MAX].decode("utf-8", "ignore")
