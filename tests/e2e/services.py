"""Real servers for the end-to-end tests, by the scripts in tools/services."""
import json
import pathlib
import subprocess
import urllib.request

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tools/services"


def script(name, *arguments):
    done = subprocess.run([SCRIPTS / f"{name}.sh", *[str(a) for a in arguments]], text=True, capture_output=True,
                          timeout=600)
    assert done.returncode == 0, f"{name}.sh {arguments}: {done.stderr}"
    return done.stdout.strip()


class Broker:
    """A Kafka broker of its own, on free ports."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.start()

    def start(self):
        self.address = script("kafka", "start", self.directory)

    def stop(self):
        script("kafka", "stop", self.directory)

    def kill(self):
        script("kafka", "kill", self.directory)

    def admin(self):
        from confluent_kafka.admin import AdminClient
        return AdminClient({"bootstrap.servers": self.address})

    def create_topic(self, topic, partitions):
        from confluent_kafka.admin import NewTopic
        admin = self.admin()
        for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result(30)

    def add_partitions(self, topic, partitions):
        from confluent_kafka.admin import NewPartitions
        admin = self.admin()
        for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
            future.result(30)

    def delete_records(self, topic, partition, before):
        from confluent_kafka import TopicPartition
        admin = self.admin()
        for future in admin.delete_records([TopicPartition(topic, partition, before)]).values():
            future.result(30)

    def producer(self, **settings):
        from confluent_kafka import Producer
        return Producer({"bootstrap.servers": self.address, "linger.ms": 5, "enable.idempotence": True,
                         **{k.replace("_", "."): v for k, v in settings.items()}})

    def produce(self, topic, records, **settings):
        """Write (partition, value) pairs, each partition in order."""
        producer = self.producer(**settings)
        failures = []

        def delivered(error, _):
            if error:
                failures.append(error)

        for partition, value in records:
            while True:
                try:
                    producer.produce(topic, value, partition=partition, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(60) == 0
        assert not failures, failures[0]

    def group_offsets(self, group, topic, partitions):
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group})
        try:
            known = consumer.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=30)
            return {p.partition: p.offset for p in known}
        finally:
            consumer.close()


class Registry:
    """A schema registry of its own, in memory, on a free port."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.url = script("registry", "start", self.directory)

    def stop(self):
        script("registry", "stop", self.directory)

    def register(self, subject, schema, language="AVRO"):
        """The id that the registry gives to a schema."""
        body = json.dumps({"schema": schema, "schemaType": language}).encode()
        request = urllib.request.Request(f"{self.url}/subjects/{subject}/versions", body,
                                         {"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["id"]
