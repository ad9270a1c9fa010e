#!/usr/bin/env python3
"""Fills topics of a broker for bench/broker.sh: load_topic.py BROKER REGISTRY KIND TOPIC COUNT DIRECTORY

KIND is health (what `icesink gen` wrote below DIRECTORY, registry's framing), avro or json (flat readings of nine fields: 119
bytes as Avro in the registry's framing, 203 as plain JSON). Every topic gets six partitions."""
import io
import json
import pathlib
import random
import struct
import sys
import urllib.request

import fastavro
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
from lake import parse_segment  # noqa: E402

PARTITIONS = 6
UNIQUE = 200000
READING = {"type": "record", "name": "Reading", "fields": [
    {"name": "sensor", "type": "string"}, {"name": "site", "type": "string"}, {"name": "seq", "type": "long"},
    {"name": "at", "type": "string"}, {"name": "temperature", "type": "double"}, {"name": "humidity", "type": "double"},
    {"name": "pressure", "type": "double"}, {"name": "status", "type": "string"}, {"name": "note", "type": "string"}]}


def register(registry, subject, schema):
    body = json.dumps({"schema": schema}).encode()
    request = urllib.request.Request(f"{registry}/subjects/{subject}/versions", body,
                                     {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["id"]


def readings():
    choose = random.Random(1)
    for number in range(UNIQUE):
        yield {"sensor": f"sensor-{number % 5000:05}", "site": f"site-{number % 40:02}", "seq": number,
               "at": f"2026-07-0{number % 3 + 1}T10:{number % 60:02}:{number % 59:02}.{number % 1000:03}Z",
               "temperature": round(choose.uniform(-20, 40), 2), "humidity": round(choose.uniform(0, 100), 2),
               "pressure": round(choose.uniform(900, 1100), 2), "status": "ok",
               "note": "calibrated by the service in spring" if number % 3 else "calibration is due before the next winter"}


def values(kind, registry, topic, directory):
    """(partition or None, value), at most UNIQUE of them for the flat kinds."""
    if kind == "health":
        schema_id = register(registry, f"{topic}-value", (directory / "schemas/1.avsc").read_text())
        for partition in range(PARTITIONS):
            for path in sorted((directory / f"health-data-raw-{partition}").glob("*.log")):
                for _, value in parse_segment(path.read_bytes()):
                    right = value[:5] == b"\0\0\0\0\1"
                    yield partition, b"\0" + struct.pack(">I", schema_id) + value[5:] if right else value
    elif kind == "avro":
        prefix = b"\0" + struct.pack(">I", register(registry, f"{topic}-value", json.dumps(READING)))
        schema = fastavro.parse_schema(READING)
        for reading in readings():
            body = io.BytesIO(prefix)
            body.seek(5)
            fastavro.schemaless_writer(body, schema, reading)
            yield None, body.getvalue()
    else:
        for reading in readings():
            yield None, json.dumps(reading, separators=(",", ":")).encode()


def main(broker, registry, kind, topic, count, directory):
    admin = AdminClient({"bootstrap.servers": broker})
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        future.result(30)
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 50, "batch.size": 1 << 20, "compression.type": "none",
                         "queue.buffering.max.messages": 1000000, "queue.buffering.max.kbytes": 1 << 20})
    made = list(values(kind, registry, topic, pathlib.Path(directory)))
    size = 0
    for number in range(count if kind != "health" else len(made)):
        partition, value = made[number % len(made)]
        size += len(value)
        while True:
            try:
                producer.produce(topic, value, partition=number % PARTITIONS if partition is None else partition)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(300) == 0
    print(f"{topic}: {number + 1} records of {size / (number + 1):.0f} bytes")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6])
