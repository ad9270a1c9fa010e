"""What a health pipeline of PyFlink reads and writes, with its ledger. Needs tests/e2e on the path."""

from broker_lake import BrokerLake, interleaved

PARTITIONS = 3
MESSAGES = 3000


class HealthLake(BrokerLake):
    """A topic of health messages with a ledger, and the two tables, empty."""

    def __init__(self, directory, services, topic):
        broker, registry = services
        super().__init__(directory, broker, registry, topic, partitions=PARTITIONS, bad=5, seed=11)
        self.messages = interleaved(self.prepare(MESSAGES))
        broker.create_topic(topic, PARTITIONS)
        self.run("init", "icesink.yaml")
        self.variables = {
            **self.catalog_variables(),
            "KAFKA_BROKERS": broker.address,
            "KAFKA_TOPIC": topic,
            "KAFKA_GROUP_ID": f"{topic}-flink",
            "SCHEMA_REGISTRY_URL": registry.url,
        }

    def catalog_variables(self):
        return {
            "ICEBERG_CATALOG_TYPE": "sqlite",
            "ICEBERG_CATALOG_NAME": "health_catalog",
            "ICEBERG_CATALOG_URI": str(self.directory / "catalog.db"),
            "ICEBERG_WAREHOUSE": str(self.directory / "warehouse"),
        }

    def produce(self, start, stop):
        self.broker.produce(self.topic, self.messages[start:stop])

    def offsets(self):
        return self.broker.group_offsets(f"{self.topic}-flink", self.topic, PARTITIONS)

    def assert_rows(self):
        rows, _ = self.expected()
        found, _ = self.actual()
        assert len(found) == len(rows) > MESSAGES
        assert found == rows
