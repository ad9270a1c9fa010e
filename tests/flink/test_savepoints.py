"""Savepoints: another parallelism, an older one, and another sink in the same job."""

import base64
import collections
import json

import pytest
from samples import MessagesLake, SamplesLake, community_options, sql_options, wait_for_rows

MESSAGES = 1200


def test_a_savepoint_goes_on_with_another_parallelism(cluster, server, broker, registry, tmp_path):
    lake = SamplesLake(tmp_path / "lake", server, broker, registry, "scaled", MESSAGES, 3)
    savepoint = None
    for parallelism in (2, 4, 1):
        job = cluster.submit("SqlJob", *lake.statements(), start_from=savepoint, parallelism=parallelism)
        before = lake.count()
        lake.produce(MESSAGES // 3)
        # Whatever was read by then: the rest is the next job's.
        wait_for_rows(cluster, job, lake, before + 1)
        savepoint = cluster.savepoint(job, stop=True)
    job = cluster.submit("SqlJob", *lake.statements(), start_from=savepoint, parallelism=3)
    wait_for_rows(cluster, job, lake)
    cluster.wait_for_checkpoints(job, 2)
    cluster.cancel(job)
    lake.assert_once()
    assert f"Table {lake.name} knows commits" not in cluster.log()


def test_an_older_savepoint_writes_again_what_came_after_it_and_says_so(cluster, server, broker, registry, tmp_path):
    lake = SamplesLake(tmp_path / "lake", server, broker, registry, "rewound", MESSAGES, 4)
    job = cluster.submit("SqlJob", *lake.statements())
    lake.produce(MESSAGES // 2)
    wait_for_rows(cluster, job, lake)
    savepoint = cluster.savepoint(job)
    first = collections.Counter(lake.expected())
    lake.produce(MESSAGES // 2)
    wait_for_rows(cluster, job, lake)
    cluster.cancel(job)
    lake.assert_once()
    warning = f"Table {lake.name} knows commits of {lake.name}.{job}."
    assert warning not in cluster.log()

    again = cluster.submit("SqlJob", *lake.statements(), start_from=savepoint)
    twice = collections.Counter(lake.expected()) - first
    wait_for_rows(cluster, again, lake, len(lake.expected()) + twice.total())
    cluster.wait_for_checkpoints(again, 2)
    cluster.cancel(again)
    # What came after the savepoint is there twice, what came before once, and nothing else.
    assert collections.Counter(lake.actual()) == collections.Counter(lake.expected()) + twice
    assert twice.total() > MESSAGES // 2
    lines = [line for line in cluster.log().splitlines() if warning in line]
    assert len(lines) == 1 and " WARN " in lines[0] and "may come again" in lines[0], lines


def test_the_communitys_connector_reads_the_table(cluster, server, broker, registry, tmp_path):
    lake = MessagesLake(tmp_path / "lake", server, broker, registry, "read", MESSAGES, 5)
    job = cluster.submit("MoveJob", *lake.arguments("icesink"))
    lake.produce(MESSAGES)
    wait_for_rows(cluster, job, lake)
    cluster.cancel(job)
    lake.assert_once()
    catalog = sql_options({"type": "iceberg", "catalog-type": "rest", **community_options(server)})
    copy = tmp_path / "copy"
    reading = cluster.submit(
        "SqlJob",
        "batch",
        f"CREATE CATALOG lake WITH ({catalog})",
        "CREATE TEMPORARY TABLE copy (kafka_partition INT, kafka_offset BIGINT, `value` BYTES)"
        f" WITH ('connector' = 'filesystem', 'path' = 'file://{copy}', 'format' = 'json')",
        f"INSERT INTO copy SELECT kafka_partition, kafka_offset, `value` FROM lake.{lake.name}",
        execution_runtime__mode="BATCH",
    )
    cluster.wait_until(lambda: cluster.state(reading) == "FINISHED", "the table is read", 90, reading)
    rows = [json.loads(line) for path in copy.glob("*") for line in path.read_text().splitlines()]
    found = sorted((r["kafka_partition"], r["kafka_offset"], base64.b64decode(r["value"])) for r in rows)
    assert found == lake.expected()


@pytest.mark.parametrize("other", ["FlinkSink", "IcebergSink"])
def test_a_job_moves_from_the_communitys_sink_and_back(cluster, server, broker, registry, tmp_path, other):
    lake = MessagesLake(tmp_path / "lake", server, broker, registry, f"moved-{other.lower()}", MESSAGES, 6)
    savepoint = None
    jobs = []
    for sink in (other, "icesink", other, "icesink"):
        job = cluster.submit("MoveJob", *lake.arguments(sink), start_from=savepoint, drop_state=True)
        jobs.append((job, sink))
        before = lake.count()
        lake.produce(MESSAGES // 4)
        wait_for_rows(cluster, job, lake, before + 1)
        savepoint = cluster.savepoint(job, stop=True)
    # What the last savepoint left over.
    job = cluster.submit("MoveJob", *lake.arguments("icesink"), start_from=savepoint)
    jobs.append((job, "icesink"))
    wait_for_rows(cluster, job, lake)
    cluster.wait_for_checkpoints(job, 2)
    cluster.cancel(job)
    lake.assert_once()
    commits = collections.defaultdict(list)
    for snapshot in lake.loaded().metadata.snapshots:
        if int(snapshot.summary.get("added-records", 0)):
            commits[snapshot.summary["flink.job-id"]].append(snapshot.summary)
    for job, sink in jobs[:4]:
        assert commits[job], f"no commit of {sink}"
        for summary in commits[job]:
            assert summary["flink.operator-id"] and int(summary["flink.max-committed-checkpoint-id"]) > 0
