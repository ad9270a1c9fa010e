"""Real servers for the end-to-end tests, by the scripts in tools/services."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.request

from lake import parse_segment

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tools/services"


def script(name, *arguments, **environment):
    done = subprocess.run([SCRIPTS / f"{name}.sh", *[str(a) for a in arguments]], text=True, capture_output=True,
                          timeout=1800, env={**os.environ, **environment})
    assert done.returncode == 0, f"{name}.sh {arguments}: {done.stderr}"
    return done.stdout.strip()


class Broker:
    """A Kafka broker of its own, on free ports."""

    def __init__(self, directory, *mode, **environment):
        self.directory = pathlib.Path(directory)
        self.mode = mode
        self.environment = environment
        self.start()

    def start(self):
        self.address = script("kafka", "start", self.directory, *self.mode, **self.environment)

    def listener(self, name):
        """The address of a further listener of a secure broker."""
        lines = (self.directory / "addresses").read_text().splitlines()
        return dict(line.split() for line in lines)[name]

    def stop(self):
        script("kafka", "stop", self.directory)

    def kill(self):
        script("kafka", "kill", self.directory)

    def admin(self):
        from confluent_kafka.admin import AdminClient
        return AdminClient({"bootstrap.servers": self.address})

    def create_topic(self, topic, partitions, **settings):
        from confluent_kafka.admin import NewTopic
        admin = self.admin()
        config = {k.replace("_", "."): v for k, v in settings.items()}
        for future in admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values():
            future.result(30)
        self.wait_for_leaders(topic, partitions)

    def wait_for_leaders(self, topic, partitions):
        """The broker names the leaders of new partitions a little later than it makes them, and lets them lead later still."""
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import OffsetSpec
        admin = self.admin()
        wanted = {TopicPartition(topic, p): OffsetSpec.earliest() for p in range(partitions)}
        for _ in range(200):
            answers = admin.list_offsets(wanted).values()
            if not any(answer.exception(30) for answer in answers):
                return
            time.sleep(0.05)
        raise AssertionError(f"{topic} has no leaders")

    def delete_topic(self, topic):
        admin = self.admin()
        for future in admin.delete_topics([topic]).values():
            future.result(30)
        # The broker forgets it a little later.
        while topic in admin.list_topics(timeout=30).topics:
            time.sleep(0.05)

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

    def produce(self, topic, records, headers=None, key=None, **settings):
        """Write (partition, value) or (partition, value, key), each partition in order."""
        producer = self.producer(**settings)
        failures = []

        def delivered(error, _):
            if error:
                failures.append(error)

        for partition, value, *own_key in records:
            while True:
                try:
                    producer.produce(topic, value, partition=partition, key=own_key[0] if own_key else key,
                                     headers=headers, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(60) == 0
        assert not failures, failures[0]

    def read_all(self, topic, partition=0):
        """What a consumer gets of a partition: values by offset."""
        from confluent_kafka import Consumer, KafkaError, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "reads-all", "enable.partition.eof": True})
        found = {}
        try:
            consumer.assign([TopicPartition(topic, partition, 0)])
            while True:
                message = consumer.poll(30)
                if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                    return found
                assert not message.error(), message.error()
                found[message.offset()] = message.value()
        finally:
            consumer.close()

    def log_of(self, topic, partition):
        """Offsets and values as the broker's own files have them."""
        for path in sorted((self.directory / "logs" / f"{topic}-{partition}").glob("*.log")):
            yield from parse_segment(path.read_bytes())

    def commit_offsets(self, group, topic, offsets):
        """What another program with this group would have left: the next offset of each partition."""
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group})
        try:
            consumer.commit(offsets=[TopicPartition(topic, p, o) for p, o in offsets.items()], asynchronous=False)
        finally:
            consumer.close()

    def group_offsets(self, group, topic, partitions):
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group})
        try:
            known = consumer.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=30)
            return {p.partition: p.offset for p in known}
        finally:
            consumer.close()


class Proxy:
    """Joins the two ends of a proxied broker, until it is cut: then nothing passes, as when a cable is pulled."""

    def __init__(self, front, behind):
        self.behind = behind
        self.joined = threading.Event()
        self.joined.set()
        host, port = front.split(":")
        self.listener = socket.create_server((host, int(port)))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            host, port = self.behind.split(":")
            server = socket.create_connection((host, int(port)))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(source, target), daemon=True).start()

    def pump(self, source, target):
        try:
            while data := source.recv(65536):
                self.joined.wait()
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def cut(self):
        self.joined.clear()

    def join(self):
        self.joined.set()

    def close(self):
        self.joined.set()
        self.listener.close()


class Registry:
    """A schema registry of its own, in memory, on a free port."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.url = script("registry", "start", self.directory)

    def stop(self):
        script("registry", "stop", self.directory)

    def sleep(self, seconds):
        """Answer nobody for a while."""
        pid = int((self.directory / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def register(self, subject, schema, language="AVRO"):
        """The id that the registry gives to a schema."""
        body = json.dumps({"schema": schema, "schemaType": language}).encode()
        request = urllib.request.Request(f"{self.url}/subjects/{subject}/versions", body,
                                         {"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["id"]
