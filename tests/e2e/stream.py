"""A stream of health messages from a producer with its own ledger: what each message has to become is decided here, in
Python, and written down under the offset that the broker gave it."""
import io
import json
import math
import random
import struct
import threading
import time

import fastavro
from confluent_kafka import KafkaError, KafkaException, Producer

UNKNOWN_SCHEMA = 999999
TYPES = ("heartRate", "steps", "bodyTemperature", "oxygenSaturation", "distance")
GOOD_VALUES = {"heartRate": (20, 250), "steps": (0, 20000), "bodyTemperature": (35, 42), "oxygenSaturation": (80, 100),
               "distance": (0, 9000)}


class HealthMessages:
    """Messages by seed. `make` gives the bytes and the verdict: ids of the rows, and (element, error type) of what is bad."""

    def __init__(self, seed, schema_text, schema_id, bad=0.05):
        self.choose = random.Random(seed)
        self.schema = fastavro.parse_schema(json.loads(schema_text))
        self.schema_id = schema_id
        self.bad = bad
        self.kinds = BAD
        self.days = ["2026-07-01", "2026-07-02", "2026-07-03"]
        self.count = 0

    def sample(self, number):
        kind = self.choose.choice(TYPES)
        low, high = GOOD_VALUES[kind]
        day = self.choose.choice(self.days)
        second = self.choose.randrange(50)
        return {"id": f"{self.count}-{number}", "type": kind, "value": self.choose.uniform(low, high), "unit": "u",
                "startDate": f"{day}T10:00:{second:02}Z", "endDate": f"{day}T10:01:{second:02}Z",
                "sourceBundle": self.choose.choice([None, "app"]), "metadata": {"k": "v"}, "isSynced": True,
                "createdAt": "2026-07-05T00:00:00Z"}

    def encode(self, payload):
        body = io.BytesIO()
        fastavro.schemaless_writer(body, self.schema, payload)
        return b"\0" + struct.pack(">I", self.schema_id) + body.getvalue()

    def make(self):
        self.count += 1
        samples = [self.sample(n) for n in range(self.choose.randrange(1, 6))]
        payload = {"deviceId": "d1", "userId": f"u{self.count % 97}", "timestamp": "2026-07-05T00:00:00Z",
                   "appVersion": "1.0", "samples": samples}
        ids = [s["id"] for s in samples]
        if self.choose.random() >= self.bad:
            return self.encode(payload), ids, []
        return getattr(self, self.choose.choice(self.kinds))(payload, ids)

    # Each of these spoils a message, and says what has to become of it.

    def bad_magic(self, payload, ids):
        return b"\1" + self.encode(payload)[1:], [], [(None, "deserialization_error")]

    def bad_schema_id(self, payload, ids):
        value = self.encode(payload)
        return value[:1] + struct.pack(">I", UNKNOWN_SCHEMA) + value[5:], [], [(None, "deserialization_error")]

    def bad_end(self, payload, ids):
        value = self.encode(payload)
        return value[:-self.choose.randrange(1, 20)], [], [(None, "deserialization_error")]

    def bad_trailing(self, payload, ids):
        return self.encode(payload) + b"\0", [], [(None, "deserialization_error")]

    def bad_tombstone(self, payload, ids):
        return None, [], [(None, "deserialization_error")]

    def bad_user(self, payload, ids):
        payload["userId"] = ""
        return self.encode(payload), [], [(n, "validation_error") for n in range(len(ids))]

    def spoil(self, payload, ids, error_type, **fields):
        place = self.choose.randrange(len(ids))
        payload["samples"][place].update(fields)
        return self.encode(payload), ids[:place] + ids[place + 1:], [(place, error_type)]

    def bad_date(self, payload, ids):
        return self.spoil(payload, ids, "transformation_error", startDate="2026-02-30T00:00:00Z")

    def bad_number(self, payload, ids):
        return self.spoil(payload, ids, "validation_error", value=math.nan)

    def bad_range(self, payload, ids):
        return self.spoil(payload, ids, "validation_error", type="heartRate", value=300.0)

    def bad_order(self, payload, ids):
        return self.spoil(payload, ids, "validation_error", endDate="2019-06-01T00:00:00Z")


BAD = [name for name in dir(HealthMessages) if name.startswith("bad_")]


class Stream:
    """Produces until stopped, `rate` messages a second. The ledger has the verdict of everything that was delivered."""

    def __init__(self, address, topic, partitions, messages, rate):
        self.topic = topic
        self.partitions = partitions
        self.messages = messages
        self.rate = rate
        self.ledger = {}
        self.failures = []
        self.stopped = threading.Event()
        # A broker that is restarted meanwhile is waited for; the idempotent producer writes nothing twice.
        self.producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 5,
                                  "message.timeout.ms": 300000, "compression.type": "lz4", "log_level": 0, "topic.metadata.refresh.interval.ms": 1000})
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            self.produce_all()
        except Exception as problem:  # pylint: disable=broad-except
            self.failures.append(repr(problem))

    def produce_all(self):
        due = 0.0
        last = time.monotonic()
        while not self.stopped.is_set():
            now = time.monotonic()
            due += (now - last) * self.rate  # which may change at any time
            last = now
            if due < 1:
                self.producer.poll(0.005)
                continue
            value, rows, dead = self.messages.make()
            partition = self.messages.choose.randrange(self.partitions)
            while True:
                try:
                    self.producer.produce(self.topic, value, partition=partition,
                                          on_delivery=lambda e, m, r=rows, d=dead: self.delivered(e, m, r, d))
                    break
                except BufferError:
                    self.producer.poll(0.1)
                except KafkaException as problem:
                    # A partition that was added a moment ago is not known at once.
                    if problem.args[0].code() != KafkaError._UNKNOWN_PARTITION:
                        raise
                    self.producer.poll(0.1)
            due -= 1

    def delivered(self, error, message, rows, dead):
        if error:
            self.failures.append(str(error))
        else:
            self.ledger[message.partition(), message.offset()] = (rows, dead)

    def finish(self):
        """Stop producing; everything produced so far is delivered."""
        self.stopped.set()
        self.thread.join()
        assert self.producer.flush(300) == 0
        assert not self.failures, self.failures[0]

    def rows(self):
        return sorted(row for rows, _ in self.ledger.values() for row in rows)

    def dead_letters(self):
        return sorted(((p, o, -1 if place is None else place, cause)
                       for (p, o), (_, dead) in self.ledger.items() for place, cause in dead))
