#!/usr/bin/env python3
"""The sink that one writes first: python_sink.py BROKER TOPIC FORMAT RECORDS CATALOG TABLE

confluent-kafka reads, json or fastavro decodes (FORMAT is json or avro), pyarrow makes batches, PyIceberg appends every ten
seconds, and the offsets are committed after the append: a crash between the two writes rows twice. Ends after RECORDS records."""
import io
import json
import sys
import time

import fastavro
import pyarrow
from confluent_kafka import Consumer
from pyiceberg.catalog.sql import SqlCatalog

from measure import READING

BATCH = 10000
INTERVAL_S = 10


def decoder(name):
    if name == "json":
        return json.loads
    schema = fastavro.parse_schema(READING)
    return lambda value: fastavro.schemaless_reader(io.BytesIO(value[5:]), schema)


def to_batch(rows, schema):
    batch = {name: [row[name] for row in rows] for name in schema.names}
    batch["at"] = pyarrow.array(batch["at"]).cast(schema.field("at").type)
    return pyarrow.RecordBatch.from_pydict(batch, schema)


def main(broker, topic, decode, count, uri, name):
    table = SqlCatalog("peers", uri=f"sqlite:///{uri}").load_table(name)
    schema = pyarrow.schema([field.with_type(pyarrow.string()) if pyarrow.types.is_large_string(field.type) else field
                             for field in table.schema().as_arrow()])
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "python-" + topic, "enable.auto.commit": False,
                         "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    batches, done, appended = [], 0, time.monotonic()
    while done < count:
        rows = [decode(message.value()) for message in consumer.consume(BATCH, 1) if message.error() is None]
        if rows:
            batches.append(to_batch(rows, schema))
            done += len(rows)
        if batches and (done >= count or time.monotonic() - appended >= INTERVAL_S):
            table.append(pyarrow.Table.from_batches(batches))
            consumer.commit(asynchronous=False)
            batches, appended = [], time.monotonic()
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], decoder(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
