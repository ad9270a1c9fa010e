"""Load and trouble on a real broker: nothing is lost, memory stays within its budget, the lag goes back to nothing."""
import datetime
import json
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from broker_lake import BrokerLake, free_port, get, interleaved, table_rows, wait_until
from lake import TEST_ALL
from services import script
from stream import BAD, HealthMessages

SLACK = 64 << 20  # code, stacks and what the allocator keeps, beside the budget


def produced(lake, broker, messages, count, partitions, **settings):
    """Produces `count` messages by turns; the ledger as Stream has it."""
    ledger = {}
    offsets = [0] * partitions
    records = []
    for number in range(count):
        value, rows, dead = messages.make()
        partition = number % partitions
        ledger[partition, offsets[partition]] = (rows, dead)
        offsets[partition] += 1
        records.append((partition, value))
    broker.produce(lake.topic, records, **settings)
    return ledger


def assert_ledger(lake, ledger):
    rows = lake.table("health_data_raw").scan(selected_fields=("sample_id",)).to_arrow()["sample_id"].to_pylist()
    letters = lake.table("health_data_errors").scan(
        selected_fields=("kafka_partition", "kafka_offset", "element_index", "error_type")).to_arrow().to_pylist()
    assert sorted(rows) == sorted(row for made, _ in ledger.values() for row in made)
    found = sorted((l["kafka_partition"], l["kafka_offset"], -1 if l["element_index"] is None else l["element_index"],
                    l["error_type"]) for l in letters)
    assert found == sorted((p, o, -1 if place is None else place, cause)
                           for (p, o), (_, dead) in ledger.items() for place, cause in dead)


def messages_of(lake, registry, seed, **options):
    lake.generate(1)  # writes the schema
    schema = (lake.directory / "kafka/schemas/1.avsc").read_text()
    return HealthMessages(seed, schema, registry.register(f"{lake.topic}-value", schema), **options)


def test_poison_at_every_place_of_a_batch(tmp_path, broker, registry):
    """Every kind of bad message at every place of a batch of twelve, by itself and beside others."""
    lake = BrokerLake(tmp_path, broker, registry, "poison", partitions=1)
    lake.text = lake.text.replace("memory:", "write: {batch_size: 12}\nmemory:")
    (lake.directory / "icesink.yaml").write_text(lake.text)
    messages = messages_of(lake, registry, 3)
    broker.create_topic(lake.topic, 1)
    ledger = {}
    records = []
    for kind in BAD:
        for place in range(12):
            for number in range(12):
                messages.bad = 1.0 if number == place else 0.0
                messages.kinds = [kind]
                value, rows, dead = messages.make()
                ledger[0, len(records)] = (rows, dead)
                records.append((0, value))
    assert sum(bool(dead) for _, dead in ledger.values()) == 12 * len(BAD)
    broker.produce(lake.topic, records)
    lake.sink()
    assert_ledger(lake, ledger)
    lake.verify()


@pytest.mark.parametrize("memory", ["64MB", "128MB"])
def test_topic_of_96_partitions_stays_within_the_budget(tmp_path, broker, registry, memory):
    lake = BrokerLake(tmp_path, broker, registry, f"wide-{memory.lower()}", partitions=96)
    lake.configure(memory=memory)
    messages = messages_of(lake, registry, 4)
    broker.create_topic(lake.topic, 96)
    ledger = produced(lake, broker, messages, 40000, 96)
    found = json.loads(lake.sink().stdout)
    assert_ledger(lake, ledger)
    lake.verify()
    assert found["peak_resident_bytes"] <= (int(memory[:-2]) << 20) + SLACK


@pytest.mark.parametrize("memory", ["32MB", "128MB"])
def test_thousand_partition_values_at_once(tmp_path, broker, registry, memory):
    lake = BrokerLake(tmp_path, broker, registry, f"days-{memory.lower()}", partitions=3)
    lake.configure(memory=memory)
    messages = messages_of(lake, registry, 5, bad=0.02)
    first = datetime.date(2020, 1, 1)
    messages.days = [(first + datetime.timedelta(days=d)).isoformat() for d in range(200)]
    broker.create_topic(lake.topic, 3)
    ledger = produced(lake, broker, messages, 20000, 3)
    found = json.loads(lake.sink().stdout)
    assert_ledger(lake, ledger)
    lake.verify()
    assert len(lake.table("health_data_raw").inspect.partitions()) == 1000
    assert found["peak_resident_bytes"] <= (int(memory[:-2]) << 20) + SLACK


def test_catalog_that_is_locked_for_seconds_delays_and_loses_nothing(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "locked", partitions=2, seed=6)
    lake.configure(interval="50ms")
    records = interleaved(lake.prepare(6000))
    broker.create_topic(lake.topic, 2)
    lake.run("init", "icesink.yaml")
    process = lake.start_service()
    for start in range(0, 6000, 2000):
        broker.produce(lake.topic, records[start:start + 2000])
        with sqlite3.connect(lake.directory / "catalog.db", timeout=60) as other:
            other.execute("begin exclusive")
            time.sleep(3)
            other.rollback()
    rows = len(lake.expected()[0])
    wait_until(lambda: table_rows(lake) == rows, 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    lake.assert_conserved()
    lake.verify()


def test_stop_while_the_catalog_is_locked_ends_within_its_deadline(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "locked-stop", partitions=1, seed=7)
    lake.configure(interval="50ms")
    records = lake.prepare(2000)
    broker.create_topic(lake.topic, 1)
    lake.run("init", "icesink.yaml")
    process = lake.start_service()
    broker.produce(lake.topic, records[:1000])
    wait_until(lambda: lake.records_in_table() == 1000)
    other = sqlite3.connect(lake.directory / "catalog.db", timeout=60)
    other.execute("begin exclusive")
    broker.produce(lake.topic, records[1000:])
    time.sleep(1)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=60)[1]
    # What a supervisor waits for by default before it kills.
    assert time.monotonic() - begin < 30
    assert process.returncode == 1 and "the open epoch could not be committed" in log
    other.rollback()
    other.close()
    lake.sink()
    lake.assert_conserved()


def test_broker_that_limits_the_rate_is_read_to_the_end(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "limited", partitions=2, seed=8)
    records = interleaved(lake.prepare(8000))
    size = sum(len(value or b"") for _, value in records)
    broker.create_topic(lake.topic, 2)
    broker.produce(lake.topic, records)
    limit(broker, f"consumer_byte_rate={size // 16}")
    try:
        begin = time.monotonic()
        lake.sink()
        assert time.monotonic() - begin > 2  # it was limited
    finally:
        limit(broker, None)
    lake.assert_conserved()
    lake.verify()


def limit(broker, setting):
    change = ["--add-config", setting] if setting else ["--delete-config", "consumer_byte_rate"]
    jars = script("kafka", "install")
    done = subprocess.run(["java", "-cp", f"{jars}/*", "kafka.admin.ConfigCommand", "--bootstrap-server", broker.address,
                           "--alter", *change, "--entity-type", "clients", "--entity-default"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lag_comes_back_to_nothing_after_a_pause(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "lagging", partitions=3, seed=9)
    port = free_port()
    lake.configure(interval="200ms", http=f"127.0.0.1:{port}")
    records = interleaved(lake.prepare(30000))
    broker.create_topic(lake.topic, 3)
    broker.produce(lake.topic, records[:1000])
    process = lake.start_service()
    wait_until(lambda: lake.records_in_table() == 1000)
    process.send_signal(signal.SIGSTOP)
    broker.produce(lake.topic, records[1000:])
    process.send_signal(signal.SIGCONT)

    def lag():
        text = get(f"http://127.0.0.1:{port}/metrics")[1]
        return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("icesink_lag_records{"))

    wait_until(lambda: lake.records_in_table() == 30000, 60)
    wait_until(lambda: lag() == 0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    lake.assert_conserved()


# test_kafka.py has a short one.
@pytest.mark.test_all
def test_registry_that_is_away_for_a_minute_delays_and_blames_nobody(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "minute", partitions=2, seed=10)
    lake.configure(interval="100ms")
    records = interleaved(lake.prepare(4000))
    broker.create_topic(lake.topic, 2)
    broker.produce(lake.topic, records)
    outage = threading.Thread(target=registry.sleep, args=(60,))
    outage.start()
    process = lake.start_service()
    outage.join()
    wait_until(lambda: lake.records_in_table() == 4000, 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    lake.assert_conserved()
