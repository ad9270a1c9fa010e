"""Health messages at a broker, samples of them in a table of a REST catalog on S3, and the SQL that makes one of the other."""

import collections
import functools
import json
import threading
import time

import fastavro
from broker_lake import GENERATOR_SCHEMA_ID, interleaved
from catalogs import RestBrokerLake
from lake import decode
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import BinaryType, DoubleType, IntegerType, LongType, NestedField, StringType

PARTITIONS = 3
TOPIC = """\
CREATE TEMPORARY TABLE topic (
  samples ARRAY<ROW<id STRING, `type` STRING, `value` DOUBLE, startDate STRING>>,
  kafka_partition INT METADATA FROM 'partition' VIRTUAL, kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL
) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'avro-confluent', 'avro-confluent.url' = '{registry}')"""
SINK = """\
CREATE TEMPORARY TABLE samples (
  sample_id STRING NOT NULL, start_date STRING, `value` DOUBLE, data_type STRING, kafka_partition INT, kafka_offset BIGINT
) WITH ({options})"""
INSERT = """\
INSERT INTO samples SELECT s.id, s.startDate, s.`value`, s.`type`, kafka_partition, kafka_offset
FROM topic CROSS JOIN UNNEST(samples) AS s (id, `type`, `value`, startDate)"""


def sql_options(options):
    return ", ".join(f"'{key}' = '{value}'" for key, value in options.items())


def icesink_options(server):
    """The catalog and its store, as the connector calls them."""
    return {
        "catalog.type": "rest",
        "catalog.uri": server.uri,
        "catalog.warehouse": server.warehouse,
        "store.s3.endpoint": server.store.endpoint,
        "store.s3.access_key": server.store.access_key,
        "store.s3.secret_key": server.store.secret_key,
        "memory": "64MB",
        "commit.retry_delay": "10ms",
    }


def community_options(server):
    """The same, as the community's connector calls them."""
    return {
        "uri": server.uri,
        "warehouse": server.warehouse,
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": "us-east-1",
        "s3.endpoint": server.store.endpoint,
        "s3.path-style-access": "true",
        "s3.access-key-id": server.store.access_key,
        "s3.secret-access-key": server.store.secret_key,
    }


class SamplesLake(RestBrokerLake):
    """A topic without bad messages, produced bit by bit, and the table `flink.<topic>`, partitioned, empty."""

    columns = [
        ("sample_id", StringType(), True),
        ("start_date", StringType()),
        ("value", DoubleType()),
        ("data_type", StringType()),
        ("kafka_partition", IntegerType()),
        ("kafka_offset", LongType()),
    ]

    def __init__(self, directory, server, broker, registry, topic, messages, seed):
        super().__init__(directory, server, broker, registry, topic, partitions=PARTITIONS, bad=0, seed=seed)
        self.messages = interleaved(self.prepare(messages))
        self.produced = 0
        broker.create_topic(topic, PARTITIONS)
        self.name = f"flink.{topic}"
        self.create_table()

    def create_table(self):
        columns = [NestedField(n, *column) for n, column in enumerate(self.columns, 1)]
        field = next(column.field_id for column in columns if column.name == "kafka_partition")
        by_partition = PartitionSpec(PartitionField(field, 1000, IdentityTransform(), "kafka_partition"))
        self.catalog().create_namespace_if_not_exists("flink")
        self.catalog().create_table(self.name, Schema(*columns), partition_spec=by_partition)

    def statements(self):
        """The job, as SqlJob takes it."""
        options = sql_options({"connector": "icesink", "table": self.name, **icesink_options(self.server)})
        topic = TOPIC.format(topic=self.topic, brokers=self.brokers, registry=self.registry)
        return ["streaming", topic, SINK.format(options=options), INSERT]

    def produce(self, count):
        """The next messages of the stream."""
        self.broker.produce(self.topic, self.messages[self.produced : self.produced + count])
        self.produced += count

    def loaded(self):
        return self.catalog().load_table(self.name)

    def count(self):
        """Rows, as the newest snapshot's summary counts them: cheap enough to watch."""
        snapshot = self.loaded().current_snapshot()
        return int(snapshot.summary["total-records"]) if snapshot else 0

    def expected(self):
        """Rows of the messages produced so far."""
        produced = collections.Counter(partition for partition, _ in self.messages[: self.produced])
        return sorted(
            row for message in self.records() if message[1] < produced[message[0]] for row in self.rows_of(*message)
        )

    @functools.cached_property
    def schema(self):
        return fastavro.parse_schema(json.loads((self.directory / "kafka/schemas/1.avsc").read_text()))

    def rows_of(self, partition, offset, value):
        samples = decode(self.schema, value)["samples"]
        return [(s["id"], s["startDate"], s["value"], s["type"], partition, offset) for s in samples]

    def actual(self):
        rows = self.loaded().scan().to_arrow().to_pylist()
        return sorted(tuple(row.values()) for row in rows)

    def assert_once(self):
        """Every row of the messages produced so far, once; their number is that of the generator's ledger."""
        expected, actual = self.expected(), self.actual()
        lost = collections.Counter(expected) - collections.Counter(actual)
        extra = collections.Counter(actual) - collections.Counter(expected)
        assert (lost.total(), extra.total()) == (0, 0), f"lost {list(lost)[:5]}, too many {list(extra)[:5]}"
        if self.produced == len(self.messages):
            assert len(actual) == self.ledger_rows()

    def ledger_rows(self):
        return sum(verdict["rows"] for verdict in self.ledger().values())


class MessagesLake(SamplesLake):
    """The messages themselves, as MoveJob writes them."""

    columns = [("kafka_partition", IntegerType()), ("kafka_offset", LongType()), ("value", BinaryType())]

    def rows_of(self, partition, offset, value):
        return [(partition, offset, self.translate(value, GENERATOR_SCHEMA_ID, self.schema_id))]

    def ledger_rows(self):
        return len(self.ledger())

    def arguments(self, sink):
        """Of MoveJob."""
        options = (icesink_options if sink == "icesink" else community_options)(self.server)
        return [sink, self.brokers, self.topic, self.name, *(f"{key}={value}" for key, value in options.items())]


def wait_for_rows(cluster, job, lake, count=None):
    """Until the table has `count` rows, or all of the messages produced so far."""
    wanted = len(lake.expected()) if count is None else count
    cluster.wait_until(lambda: lake.count() >= wanted, f"{wanted} rows in {lake.name}", 90, job)


class Trickle:
    """Produces the rest of a lake's messages little by little, so that there is always something in hand."""

    def __init__(self, lake, per_second):
        self.lake = lake
        self.per_second = per_second
        self.stopped = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while self.lake.produced < len(self.lake.messages) and not self.stopped.is_set():
                self.lake.produce(max(1, self.per_second // 10))
                time.sleep(0.1)
        except Exception as problem:  # pylint: disable=broad-except
            self.failure = problem

    def finish(self):
        """Stop; what was produced is what the table has to have."""
        self.stopped.set()
        self.thread.join()
        assert self.failure is None, self.failure
