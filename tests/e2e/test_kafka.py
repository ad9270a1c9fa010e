"""A real broker and a real schema registry: what comes through them is what comes from the log on disk, exactly once."""
import json
import random
import signal
import time

import pytest
from broker_lake import (GENERATOR_SCHEMA_ID, BrokerLake, contents, free_port, get, interleaved, row_count_from,
                         table_rows, wait_until)
from lake import Lake, kill
from services import Broker

TABLES = ("health_data_raw", "health_data_errors")


def test_a_run_from_the_broker_equals_a_run_from_the_log(tmp_path, broker, registry):
    # The topic has the same name in both, for ids of dead letters are made from it.
    disk = Lake(tmp_path, partitions=3)
    lake = BrokerLake(tmp_path / "broker", broker, registry, "health-data-raw", partitions=3)
    disk.generate(20000)
    disk.sink()
    records = lake.prepare(20000)
    broker.create_topic(lake.topic, 3)
    broker.produce(lake.topic, records, compression_type="zstd")
    lake.sink()
    lake.assert_conserved()
    lake.verify()
    for name in TABLES:
        found = contents(lake, name, lake.schema_id)
        assert len(found) > 100
        assert found == contents(disk, name, GENERATOR_SCHEMA_ID)
    offsets = broker.group_offsets(f"{lake.topic}-sink", lake.topic, 3)
    assert offsets == {p: sum(1 for q, _ in records if q == p) for p in range(3)}


def test_killed_while_it_reads_the_broker_it_neither_loses_nor_duplicates(tmp_path, broker, registry):
    choose = random.Random(7)
    lake = BrokerLake(tmp_path, broker, registry, "killed", partitions=3, seed=3)
    lake.configure(interval="50ms", memory="16MB")
    records = lake.prepare(12000)
    broker.create_topic(lake.topic, 3)
    process = lake.start_service()
    kills = 0
    for start in range(0, len(records), 1000):
        broker.produce(lake.topic, records[start:start + 1000])
        if choose.random() < 0.8:
            time.sleep(choose.uniform(0.0, 0.4))
            assert process.poll() is None, process.stderr.read()
            kill(process)
            kills += 1
            process = lake.start_service()
    kill(process)
    assert kills >= 6
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def test_gaps_of_transactions_are_counted_and_give_no_rows(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "transactions", partitions=1, bad=0, seed=5)
    records = lake.prepare(900)
    broker.create_topic(lake.topic, 1)
    producer = broker.producer(transactional_id="one")
    producer.init_transactions(30)
    for part, finish in ((records[:300], producer.commit_transaction), (records[:500], producer.abort_transaction),
                         (records[300:900], producer.commit_transaction), (records[:10], producer.abort_transaction)):
        producer.begin_transaction()
        for partition, value in part:
            producer.produce(lake.topic, value, partition=partition)
        producer.flush(30)
        finish(30)
    lake.sink()
    lake.assert_conserved()
    found = lake.verify()
    # 510 aborted records and four markers, the last of them behind every record.
    assert found["gaps"] == 514
    assert broker.group_offsets("transactions-sink", lake.topic, 1) == {0: 900 + 514}


def test_waits_for_a_broker_that_is_down_and_goes_on(tmp_path, registry):
    own = Broker(tmp_path / "own")
    try:
        lake = BrokerLake(tmp_path / "lake", own, registry, "outage", partitions=2, seed=9)
        lake.configure(interval="100ms")
        records = lake.prepare(4000)
        own.create_topic(lake.topic, 2)
        own.kill()
        process = lake.start_service()
        time.sleep(1)
        assert process.poll() is None
        own.start()
        own.produce(lake.topic, records[:2000])
        wait_until(lambda: table_rows(lake) > 0)
        own.kill()
        time.sleep(1)
        own.start()
        own.produce(lake.topic, records[2000:])
        assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        lake.sink()
        lake.assert_conserved()
        lake.verify()
    finally:
        own.stop()


def test_waits_for_a_registry_that_is_down_and_blames_no_record(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "no-registry", partitions=1, bad=0)
    records = lake.prepare(200)
    broker.create_topic(lake.topic, 1)
    broker.produce(lake.topic, records)
    right, lake.registry = lake.registry, f"http://127.0.0.1:{free_port()}"
    lake.configure(interval="50ms")
    process = lake.start_service()
    time.sleep(1.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert "Schema registry cannot be reached" in process.stderr.read()
    # A registry that answers, but not under this path, knows nothing about the id either.
    lake.registry = right.replace("/ccompat/v7", "/nowhere")
    lake.configure(interval="50ms")
    process = lake.start_service()
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert table_rows(lake) == 0
    lake.registry = right
    lake.configure()
    lake.sink()
    lake.assert_conserved()


def test_takes_partitions_that_appear_while_it_runs(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "growing", partitions=3, seed=11)
    lake.configure(interval="100ms")
    records = lake.prepare(3000)
    broker.create_topic(lake.topic, 1)
    process = lake.start_service()
    broker.produce(lake.topic, [r for r in records if r[0] == 0])
    wait_until(lambda: table_rows(lake) > 0)
    broker.add_partitions(lake.topic, 3)
    broker.produce(lake.topic, [r for r in records if r[0] != 0])
    rows = len(lake.expected()[0])
    wait_until(lambda: table_rows(lake) == rows)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    lake.assert_conserved()
    lake.verify()


@pytest.mark.parametrize("assignment", ["all", "group"])
def test_takes_over_where_another_program_of_the_group_was(tmp_path, broker, registry, assignment):
    lake = BrokerLake(tmp_path, broker, registry, f"taken-over-{assignment}", partitions=3)
    lake.configure(more=f", start: committed, assignment: {assignment}")
    broker.create_topic(lake.topic, 3)
    broker.produce(lake.topic, lake.prepare(3000))
    # It never read partition 2.
    read = {0: 400, 1: 1}
    broker.commit_offsets(f"{lake.topic}-sink", lake.topic, read)
    lake.sink()
    assert table_rows(lake) == row_count_from(lake, lambda p, offset: offset >= read.get(p, 0))
    # Where the table has a position, the group has no say.
    broker.commit_offsets(f"{lake.topic}-sink", lake.topic, {0: 0, 1: 0, 2: 0})
    lake.sink()
    assert table_rows(lake) == row_count_from(lake, lambda p, offset: offset >= read.get(p, 0))
    lake.verify()


def test_stops_where_records_were_removed_before_it_read_them(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "removed", partitions=1)
    records = lake.prepare(2000)
    broker.create_topic(lake.topic, 1)
    broker.produce(lake.topic, records[:500])
    lake.sink()
    broker.produce(lake.topic, records[500:])
    broker.delete_records(lake.topic, 0, 1200)
    done = lake.sink(check=False)
    assert done.returncode == 3
    assert "the table's position is 500, the log begins at 1200" in done.stderr
    assert "700 records" in done.stderr
    lake.configure(policies="on_gap: skip")
    lake.sink()
    assert table_rows(lake) == row_count_from(lake, lambda _, offset: offset < 500 or offset >= 1200)
    found = lake.verify()
    assert found["moves"] == 1 and found["moved"] == 700


def test_goes_on_behind_records_that_are_removed_while_it_runs(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "removed-meanwhile", partitions=1)
    lake.configure(interval="100ms", policies="on_gap: skip")
    records = lake.prepare(2000)
    broker.create_topic(lake.topic, 1)
    broker.produce(lake.topic, records[:500])
    process = lake.start_service()
    wait_until(lambda: table_rows(lake) == row_count_from(lake, lambda _, offset: offset < 500))
    process.send_signal(signal.SIGSTOP)
    broker.produce(lake.topic, records[500:1500])
    broker.delete_records(lake.topic, 0, 1200)
    process.send_signal(signal.SIGCONT)
    broker.produce(lake.topic, records[1500:])
    wait_until(lambda: table_rows(lake) == row_count_from(lake, lambda _, offset: offset < 500 or offset >= 1200))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, process.stderr.read()
    assert lake.verify()["moved"] == 700


def test_stops_at_a_recreated_topic_or_reads_it_from_its_start(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "recreated", partitions=1)
    records = lake.prepare(1000)
    broker.create_topic(lake.topic, 1)
    broker.produce(lake.topic, records)
    lake.sink()
    broker.delete_topic(lake.topic)
    broker.create_topic(lake.topic, 1)
    broker.produce(lake.topic, records[:300])
    done = lake.sink(check=False)
    assert done.returncode == 3
    assert "the table's position is 1000, the log ends at 300" in done.stderr
    lake.configure(policies="on_reset: earliest")
    lake.sink()
    assert table_rows(lake) == row_count_from(lake, lambda *_: True) + row_count_from(lake, lambda _, o: o < 300)
    assert lake.verify()["moved"] == -1000


def test_says_what_is_wrong(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "missing-topic", partitions=1)
    done = lake.sink(check=False)
    assert done.returncode == 1
    assert "topic missing-topic" in done.stderr and "Unknown topic" in done.stderr
    lake.configure(more=", properties: {enable.auto.commit: true}")
    done = lake.sink(check=False)
    assert done.returncode == 2
    assert "enable.auto.commit is set by icesink itself" in done.stderr
    lake.configure(more=", properties: {no.such.setting: 1}")
    done = lake.sink(check=False)
    assert done.returncode == 2
    assert "no.such.setting" in done.stderr
    lake.configure()
    done = lake.run("check", "icesink.yaml", check=False)
    assert done.returncode == 1
    assert "FAILED  source: topic missing-topic" in done.stdout
    broker.create_topic(lake.topic, 1)
    lake.run("init", "icesink.yaml")
    done = lake.run("check", "icesink.yaml")
    assert "ok      source" in done.stdout and "ok      registry" in done.stdout


def test_shows_metrics_and_whether_it_is_ready(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "watched", partitions=2, seed=13)
    port = free_port()
    lake.configure(interval="100ms", http=f"127.0.0.1:{port}")
    records = lake.prepare(2000)
    broker.create_topic(lake.topic, 2)
    broker.produce(lake.topic, records)
    rows, dead = lake.expected()
    process = lake.start_service()
    base = f"http://127.0.0.1:{port}"
    wait_until(lambda: get(base + "/readyz")[0] == 200)
    assert get(base + "/healthz")[0] == 200
    wait_until(lambda: f"numRecordsOut {len(rows)}\n" in get(base + "/metrics")[1])
    text = get(base + "/metrics")[1]
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(values["icesink_records_in_total"]) == len(records)
    assert int(values["numRecordsFailed"]) == len(dead)
    assert values['icesink_lag_records{topic="watched",partition="1"}'] == "0"
    by_type = sum(int(v) for k, v in values.items() if k.startswith("icesink_dead_letters_total{"))
    assert by_type == len(dead)
    assert float(values["icesink_memory_bytes"]) > 0
    assert float(values["lastCheckpointSize"]) > 0
    assert get(base + "/other")[0] == 404
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_processes_of_a_group_share_a_topic_while_they_come_and_go(tmp_path, broker, registry, strategy):
    topic = f"shared-{strategy}"
    lake = BrokerLake(tmp_path, broker, registry, topic, partitions=6, seed=13)
    lake.configure(interval="100ms", more=", assignment: group, properties: {session.timeout.ms: \"6000\", "
                   f"heartbeat.interval.ms: \"500\", partition.assignment.strategy: {strategy}}}")
    records = lake.prepare(12000)
    broker.create_topic(topic, 6)
    records = interleaved(records)
    parts = [records[start:start + 2000] for start in range(0, len(records), 2000)]
    processes = [lake.start_service()]
    broker.produce(topic, parts[0])
    wait_until(lambda: lake.records_in_table() == 2000)
    processes += [lake.start_service(), lake.start_service()]  # two more join
    broker.produce(topic, parts[1])
    wait_until(lambda: lake.records_in_table() == 4000, 60)
    broker.produce(topic, parts[2])
    processes[0].send_signal(signal.SIGTERM)  # the first one leaves
    assert processes[0].wait(30) == 0
    broker.produce(topic, parts[3])
    wait_until(lambda: lake.records_in_table() == 8000, 60)
    kill(processes[1])  # another one dies; its partitions move after the session time-out
    broker.produce(topic, parts[4])
    wait_until(lambda: lake.records_in_table() == 10000, 60)
    processes.append(lake.start_service())
    broker.produce(topic, parts[5])
    wait_until(lambda: lake.records_in_table() == 12000, 60)
    logs = []
    for process in (processes[2], processes[3]):
        process.send_signal(signal.SIGTERM)
        logs.append(process.communicate(timeout=30)[1])
        assert process.returncode == 0, logs[-1]
    assert "divided its partitions anew" in logs[0]
    lake.assert_conserved()
    # The broker's own log has the records, each at its place, and what the members read of it is what is in the tables.
    written = {(p, o): v for p in range(6) for o, v in broker.log_of(topic, p)}
    generated = {(p, o): lake.translate(v, GENERATOR_SCHEMA_ID, lake.schema_id) for p, o, v in lake.records()}
    assert written == generated
    found = lake.verify("--source")
    assert found["gaps"] == 0 and found["source"]["records"] == 12000
    offsets = broker.group_offsets(f"{topic}-sink", topic, 6)
    assert sum(offsets.values()) == 12000
