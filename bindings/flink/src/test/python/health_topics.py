"""Topics of health messages with a ledger, for the tests in Java: each line on standard input is [lake, method, arguments…] in JSON,
each answer a line of JSON. The tables are checked by tests/e2e: no part of that is icesink's.

health_topics.py BROKER"""
import json
import pathlib
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[5]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from broker_lake import BrokerLake, interleaved  # noqa: E402
from services import Broker  # noqa: E402


class Started(Broker):
    """The broker that the test started."""

    def __init__(self, address):  # pylint: disable=super-init-not-called
        self.address = address


class Topic(BrokerLake):
    """A topic, a configuration and two tables that are empty, in a directory of the topic's name."""

    def __init__(self, directory, broker, partitions, messages, seed):
        directory = pathlib.Path(directory)
        super().__init__(directory, broker, f"file:{directory}/kafka/schemas", directory.name, partitions=partitions,
                         bad=5, seed=seed)
        self.generate(messages)
        self.messages = interleaved([(p, value) for p, _, value in self.records()])
        self.run("init", "icesink.yaml")

    def create(self, partitions):
        self.broker.create_topic(self.topic, partitions)

    def recreate(self, partitions):
        self.broker.delete_topic(self.topic)
        self.broker.create_topic(self.topic, partitions)

    def add_partitions(self, partitions):
        self.broker.add_partitions(self.topic, partitions)
        self.broker.wait_for_leaders(self.topic, partitions)

    def delete_records(self, partition, before):
        self.broker.delete_records(self.topic, partition, before)

    def produce(self, start, stop):
        self.broker.produce(self.topic, self.messages[start:stop])

    def produce_partitions(self, partitions):
        """Every message of some partitions."""
        self.broker.produce(self.topic, [m for m in self.messages if m[0] in partitions])

    def ends(self, partitions):
        """How many messages each partition has in the end."""
        return [sum(m[0] == p for m in self.messages) for p in range(partitions)]

    def program(self, *flags):
        """The program itself, up to the end of the topic."""
        self.run("run", "icesink.yaml", "--until-end", *flags)

    def roll_back(self):
        """Both tables to one epoch, the first after which both have rows."""
        tables = [self.table(name) for name in ("health_data_raw", "health_data_errors")]
        epochs = [{int(s.summary["icesink.epoch"]): s.snapshot_id for s in table.snapshots()} for table in tables]
        first = max(min(found) for found in epochs)
        for table, found in zip(tables, epochs):
            snapshot = found[max(epoch for epoch in found if epoch <= first)]
            assert snapshot != table.current_snapshot().snapshot_id
            table.manage_snapshots().rollback_to_snapshot(snapshot).commit()

    def expect(self):
        rows, dead = self.expected()
        return {"rows": len(rows), "dead_letters": len(dead)}

    def check(self):
        """Rows and dead letters are those of the ledger, and the audit compares them with the topic."""
        self.assert_conserved()
        found = self.verify("--source")
        assert found["source"]["records"] == len(self.messages), found
        return found

    def audit(self):
        return self.verify()

    def snapshots(self):
        return [dict(s.summary.additional_properties) for s in self.table("health_data_raw").metadata.snapshots]


def main():
    broker = Started(sys.argv[1])
    topics = {}
    for line in sys.stdin:
        directory, method, *arguments = json.loads(line)
        try:
            if method == "make":
                topics[directory] = Topic(directory, broker, *arguments)
                answer = {"value": None}
            else:
                answer = {"value": getattr(topics[directory], method)(*arguments)}
        except Exception:  # pylint: disable=broad-except
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


main()
