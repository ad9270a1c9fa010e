"""Pipelines of PyFlink, on its local cluster, with a broker and a registry; read back by PyIceberg."""

import collections
import json
import pathlib
import re
import subprocess
import sys
import time

import pytest
from conftest import ROOT, Lake

sys.path.insert(0, str(ROOT / "tests/e2e"))

from broker_lake import table_rows  # noqa: E402
from health_lake import MESSAGES, HealthLake  # noqa: E402
from pyflink_host import Flink, installed, make_jar  # noqa: E402
from services import Broker, Registry  # noqa: E402


@pytest.fixture(scope="module")
def flink_parts(tmp_path_factory):
    return installed(), make_jar(tmp_path_factory.mktemp("jar"))


@pytest.fixture
def flink(flink_parts, tmp_path):
    return Flink(*flink_parts, tmp_path / "flink")


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker"))
    registry = Registry(tmp_path_factory.mktemp("registry"))
    # So that the id of the schema is none that a generator would choose.
    registry.register("filler", '{"type": "record", "name": "Filler", "fields": []}')
    yield broker, registry
    broker.stop()
    registry.stop()


def without_index(dead):
    """An error of the validator is one of a row: it has no place in the message."""
    return collections.Counter((partition, offset, kind) for partition, offset, _, kind in dead)


def test_the_documented_pipeline_goes_on_after_a_crash(flink, services, tmp_path):
    text = pathlib.Path(ROOT / "bindings/python/tests/flink_programs/pipeline.py").read_text()
    assert 'env.from_source(kafka_source, "Kafka Source")' in text
    lake = HealthLake(tmp_path / "lake", services, "documented")
    rows = len(lake.expected()[0])
    lake.produce(0, MESSAGES // 3)
    process = flink.start("pipeline.py", **lake.variables)
    try:
        flink.wait_until(lambda: table_rows(lake) > 0, process)
        lake.produce(MESSAGES // 3, 2 * MESSAGES // 3)
        # Into the middle of them: between checkpoints there is always something in hand.
        time.sleep(0.7)
        flink.kill(process)
        assert 0 < table_rows(lake) < rows
        lake.produce(2 * MESSAGES // 3, MESSAGES)
        flink.configure(**{"execution.state-recovery.path": f"file://{flink.last_checkpoint()}"})
        process = flink.start("pipeline.py", **lake.variables)
        flink.wait_until(lambda: table_rows(lake) >= rows, process)
        # Whatever is written twice would come with a later checkpoint.
        seen = flink.last_checkpoint()
        flink.wait_until(lambda: flink.last_checkpoint() != seen, process)
        # Flink's source commits offsets a little after its checkpoints.
        flink.wait_until(lambda: sum(lake.offsets().values()) == MESSAGES, process)
        # Nobody took the errors: each is logged and counted.
        flink.wait_until(lambda: failures(flink)[0] == failures(flink)[1] > 20, process, seconds=20)
        assert "Error recorded: validation_error" in flink.log()
    finally:
        flink.kill(process)
    lake.assert_rows()
    assert table_rows_of(lake, "health_data_errors") == 0
    assert flink.output().count("health_data_errors has no stream of errors") == 2


def failures(flink):
    """Error records in the log of the last start, and the newest numRecordsFailed of all its tasks."""
    log = flink.log()
    newest = dict(re.findall(r"(HealthDataTransformer.*)\.numRecordsFailed: (\d+)", log))
    return log.count("Error recorded: "), sum(map(int, newest.values()))


def table_rows_of(lake, name):
    return lake.table(name).scan().to_arrow().num_rows


def test_rows_and_errors_are_written_once_though_a_task_fails(flink, services, tmp_path):
    lake = HealthLake(tmp_path / "lake", services, "failing")
    rows, dead = lake.expected()
    lake.produce(0, MESSAGES)
    failed = tmp_path / "failed"
    process = flink.start("pipeline_with_errors.py", failed, len(rows) // 4, **lake.variables)
    try:
        flink.wait_until(
            lambda: table_rows(lake) >= len(rows) and table_rows_of(lake, "health_data_errors") >= len(dead), process
        )
        seen = flink.last_checkpoint()
        flink.wait_until(lambda: flink.last_checkpoint() != seen, process)
    finally:
        flink.kill(process)
    assert failed.exists()
    assert "the failure of the test" in flink.log()
    lake.assert_rows()
    found = lake.actual()[1]
    assert without_index(found) == without_index(dead)
    assert len(dead) > 50 and {kind for *_, kind in dead} >= {"deserialization_error", "validation_error"}
    errors = lake.table("health_data_errors").scan().to_arrow()
    assert set(errors["kafka_topic"].to_pylist()) == {"failing"}
    assert len(set(errors["error_id"].to_pylist())) == len(errors)
    assert "has no stream of errors" not in flink.output()


def test_streams_of_every_kind(flink):
    """What the script says of each check, and the rows that its one job wrote."""
    lake = Lake(flink.directory)
    with lake.open() as catalog:
        catalog.create_namespace("health_db")
    variables = {
        "ICEBERG_CATALOG_TYPE": "sqlite",
        "ICEBERG_CATALOG_NAME": "lake",
        "ICEBERG_CATALOG_URI": "catalog.db",
        "ICEBERG_WAREHOUSE": "warehouse",
    }
    said = flink.run("streams.py", lake.directory, **variables)
    assert "every check passed" in said
    kinds = lake.read("health_db.kinds").to_pylist()
    expected = json.loads((lake.directory / "expected.json").read_text())
    # Dicts, tuples, named and unnamed rows, typed and pickled: the same rows from each.
    assert sorted(collections.Counter(row["source"] for row in kinds).items()) == sorted(
        (source, 2) for source in expected
    )
    for row in kinds:
        assert (row["id"], row["value"], str(row["at"])) in [(1, 0.5, "2024-01-01 00:00:00.000001"), (2, None, "None")]
    (wide,) = lake.read("health_db.wide").to_pylist()
    wide.update(map=dict(sorted(wide["map"])), tz=wide["tz"].isoformat())
    assert repr(wide) == (lake.directory / "wide.txt").read_text()
    # The batch of "new" replaced what the table had.
    assert lake.read("other.replaced").to_pylist() == [{"id": 7}, {"id": 8}]
    errors = lake.read("health_db.health_data_errors").to_pylist()
    assert [(e["error_type"], e["kafka_topic"], e["kafka_offset"]) for e in errors] == [("schema_error", "", -1)]
    assert "Error recorded: schema_error" in flink.log()


def test_the_example_needs_no_server(flink, tmp_path):
    command = "cd flink_consumer && python examples/test_iceberg_sink.py"
    done = subprocess.run(
        command, shell=True, cwd=ROOT / "bindings/python", env=flink.environment(), text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.count("ok ") == 5 and "FAILED" not in done.stdout
    # A catalog that is not there is a failed check.
    broken = {"ICEBERG_CATALOG_TYPE": "rest", "ICEBERG_CATALOG_URI": "http://127.0.0.1:9"}
    done = subprocess.run(
        command,
        shell=True,
        cwd=ROOT / "bindings/python",
        env=flink.environment(**broken),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    assert "Failed to register Iceberg catalog" in done.stdout
