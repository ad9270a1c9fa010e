"""What topics are like in the field: codecs, headers, keys, tombstones, large messages, compaction, several of them."""
import io
import json
import random
import signal
import struct
import time

import fastavro
import pytest
from broker_lake import BrokerLake, interleaved, table_rows, wait_until
from lake import decode

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def schema_of(lake):
    return fastavro.parse_schema(json.loads((lake.directory / "kafka/schemas/1.avsc").read_text()))


def test_every_codec_with_headers_and_keys_gives_the_same_rows(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "codecs", partitions=2)
    records = interleaved(lake.prepare(5000))
    broker.create_topic(lake.topic, 2)
    for number, codec in enumerate(CODECS):
        broker.produce(lake.topic, records[number * 1000:(number + 1) * 1000], compression_type=codec,
                       headers=[("trace", b"\x00\xff"), ("empty", None)], key=b"key \x00")
    lake.sink()
    lake.assert_conserved()
    assert lake.verify()["gaps"] == 0


def test_records_without_a_value_are_dead_letters_or_filtered(tmp_path, broker, registry):
    for number, tombstones in enumerate(("dead_letter", "filter")):
        lake = BrokerLake(tmp_path / tombstones, broker, registry, f"tombstones-{tombstones}", partitions=1, bad=0)
        records = lake.prepare(50)
        broker.create_topic(lake.topic, 1)
        broker.produce(lake.topic, [(0, None)] * 3 + records + [(0, None)] * 4)
        if tombstones == "filter":
            preset = lake.run("config", "show", "health").stdout
            lake.set_pipeline(preset + "tombstones: filter\n")
        lake.sink()
        found = lake.verify()
        assert found["records"] == 57
        assert (found["dead_letters"], found["filtered"]) == ((7, 0), (0, 7))[number]
        letters = lake.table("health_data_errors").scan().to_arrow().to_pylist()
        assert sorted(r["kafka_offset"] for r in letters) == ([0, 1, 2, 53, 54, 55, 56], [])[number]
        assert all(r["error_type"] == "deserialization_error" and r["raw_bytes"] is None for r in letters)


def test_message_of_ten_megabytes_between_small_ones(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "large", partitions=1, bad=0)
    lake.configure(memory="64MB")
    records = lake.prepare(200)
    schema = schema_of(lake)
    payload = decode(schema, records[0][1])
    filler = random.Random(1)
    payload["samples"] = [dict(payload["samples"][0], id=f"large-{i}",
                               metadata={"note": "".join(filler.choices("abcdefgh", k=1 << 20))}) for i in range(10)]
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, payload)
    large = b"\0" + struct.pack(">I", lake.schema_id) + body.getvalue()
    assert len(large) > 10 << 20
    broker.create_topic(lake.topic, 1, max_message_bytes=str(16 << 20))
    broker.produce(lake.topic, records[:100] + [(0, large)] + records[100:], message_max_bytes=16 << 20)
    lake.sink()
    rows = lake.table("health_data_raw").scan(selected_fields=("sample_id", "metadata")).to_arrow().to_pylist()
    found = {r["sample_id"]: dict(r["metadata"]) for r in rows if r["sample_id"].startswith("large-")}
    assert found == {s["id"]: s["metadata"] for s in payload["samples"]}
    assert len(rows) == len(lake.expected()[0]) + 10
    lake.verify()


def test_what_compaction_removed_is_a_gap_and_no_loss(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "compacted", partitions=1, bad=0)
    records = lake.prepare(600)
    broker.create_topic(lake.topic, 1, cleanup_policy="compact", segment_ms="100",
                        min_cleanable_dirty_ratio="0.001", max_compaction_lag_ms="200")
    keys = random.Random(2)
    chosen = [b"%d" % keys.randrange(40) for _ in records]
    for start in range(0, 600, 50):
        # Segments roll by their age.
        time.sleep(0.15)
        broker.produce(lake.topic, [(*r, k) for r, k in zip(records[start:start + 50], chosen[start:start + 50])])
    # The last of each key stay, and those in the segment that is still written.
    wait_until(lambda: len(broker.read_all(lake.topic)) < 400, 90)
    lake.sink()
    # What is there now was there when the sink read it, or was removed meanwhile; the sink read what Kafka gave it.
    stays = broker.read_all(lake.topic)
    found = lake.verify()
    assert found["records"] + found["gaps"] == 600
    assert found["records"] >= len(stays) and found["gaps"] > 200
    schema = schema_of(lake)
    ids = {s["id"] for value in stays.values() for s in decode(schema, value)["samples"]}
    in_table = lake.table("health_data_raw").scan(selected_fields=("sample_id",)).to_arrow()["sample_id"].to_pylist()
    assert ids <= set(in_table) and len(set(in_table)) == len(in_table)
    # Nothing is left to read, also behind gaps at the end.
    lake.sink()
    assert lake.verify()["records"] == found["records"]


def test_end_of_gaps_alone_is_committed_and_reached(tmp_path, broker, registry):
    """A partition that holds nothing but an aborted transaction and its marker."""
    lake = BrokerLake(tmp_path, broker, registry, "gaps-alone", partitions=1)
    records = lake.prepare(100)
    broker.create_topic(lake.topic, 1)
    producer = broker.producer(transactional_id="gaps-alone")
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition, value in records:
        producer.produce(lake.topic, value, partition=partition)
    producer.flush(30)
    producer.abort_transaction(30)
    lake.sink()
    found = lake.verify()
    assert (found["records"], found["gaps"], found["epochs"]) == (0, 101, 2)
    lake.sink()
    assert lake.verify()["epochs"] == 2


def test_topics_by_name_and_by_pattern_those_that_appear_later_too(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "named", partitions=2, seed=5)
    lake.configure(interval="100ms", more=', topic_pattern: "by-pattern-[a-z]+"')
    records = lake.prepare(3000)
    rows = len(lake.expected()[0])
    for topic in ("named", "by-pattern-a", "by-pattern-1", "other-by-pattern-a"):
        broker.create_topic(topic, 2)
        broker.produce(topic, records)
    process = lake.start_service()
    wait_until(lambda: table_rows(lake) == 2 * rows)
    broker.create_topic("by-pattern-later", 2)
    broker.produce("by-pattern-later", records)
    wait_until(lambda: table_rows(lake) == 3 * rows)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert lake.verify()["records"] == 9000
    topics = lake.table("health_data_errors").scan(selected_fields=("kafka_topic",)).to_arrow()["kafka_topic"]
    assert set(topics.to_pylist()) == {"named", "by-pattern-a", "by-pattern-later"}


def test_pattern_that_nothing_matches_says_so(tmp_path, broker, registry):
    lake = BrokerLake(tmp_path, broker, registry, "nothing", partitions=1)
    lake.text = lake.text.replace("topics: [nothing]", 'topic_pattern: "no-such-.*"')
    (lake.directory / "icesink.yaml").write_text(lake.text)
    lake.run("init", "icesink.yaml")
    done = lake.sink(check=False)
    assert done.returncode == 1 and "no topic matches source.kafka.topic_pattern" in done.stderr


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_group_with_fixed_members_goes_on_at_once_after_a_kill(tmp_path, broker, registry, strategy):
    """Static membership: the process that comes back has its partitions without waiting for the session time-out."""
    lake = BrokerLake(tmp_path, broker, registry, f"static-{strategy}", partitions=2, seed=4)
    lake.configure(interval="50ms", more=", assignment: group, properties: {session.timeout.ms: \"45000\", "
                   f"group.instance.id: one, partition.assignment.strategy: {strategy}}}")
    records = interleaved(lake.prepare(4000))
    broker.create_topic(lake.topic, 2)
    broker.produce(lake.topic, records[:2000])
    process = lake.start_service()
    wait_until(lambda: lake.records_in_table() == 2000)
    process.kill()
    process.wait()
    broker.produce(lake.topic, records[2000:])
    begin = time.monotonic()
    process = lake.start_service()
    wait_until(lambda: lake.records_in_table() == 4000)
    # Far below the session time-out of 45 seconds; the goal of two seconds is measured in bench/.
    assert time.monotonic() - begin < 20
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    lake.assert_conserved()
    lake.verify()
