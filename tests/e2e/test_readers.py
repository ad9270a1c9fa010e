"""Tables read alike by PyIceberg, DuckDB and Java Iceberg: rows, values, pruning, inspection."""
import datetime
import json
import subprocess
import sys

import pytest
from lake import ROOT, Lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("readers"))
    lake.configure(interval="50ms", write="{page_size: 16KB, row_group_size: 256KB}")
    for _ in range(3):
        lake.generate(4000)
        lake.sink()
    return lake


@pytest.fixture(scope="module")
def expected(lake):
    return lake.expected()[0]


def duckdb_connection():
    import duckdb
    import duckdb_extensions
    connection = duckdb.connect()
    for extension in ("avro", "iceberg"):
        duckdb_extensions.import_extension(extension, con=connection)
        connection.execute(f"load {extension}")
    connection.execute("set timezone = 'UTC'")
    return connection


def scan_of(lake, name="health_data_raw"):
    return f"iceberg_scan('{lake.metadata_location(name).removeprefix('file://')}')"


def test_pyiceberg_reads_every_value(lake):
    lake.assert_conserved()


def test_duckdb_reads_every_value(lake, expected):
    rows = duckdb_connection().execute(
        f"select sample_id, start_date, value, data_type from {scan_of(lake)}").fetchall()
    assert sorted(rows) == expected


def test_java_reads_every_value_and_prunes_by_partition(lake, expected):
    java = ROOT / ".cache/java"
    out = subprocess.run(
        ["java", "-cp", f"{java}/target/*:{java}/lib/*", "icesink.TableReader", f"{lake.directory}/catalog.db",
         "health_catalog", f"file://{lake.directory}/warehouse", "health_db.health_data_raw", "value", "sample_id",
         "data_type", "heartRate"], capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stderr
    found = json.loads(out.stdout)
    files = lake.table("health_data_raw").inspect.files().num_rows
    assert found["rows"] == len(expected)
    assert found["distinct"] == len(expected)
    assert found["sum"] == pytest.approx(sum(row[2] for row in expected), abs=1e-3)
    assert found["filtered"] == sum(row[3] == "heartRate" for row in expected)
    assert 0 < found["filtered_files"] < files / 4
    assert found["snapshots"] == lake.table("health_data_raw").inspect.snapshots().num_rows


def test_pruning_by_partition_and_by_bounds_gives_the_same_rows(lake, expected):
    noon = datetime.datetime(2025, 6, 2, 12)
    wanted = sorted(row for row in expected if row[3] == "steps" and row[1] < noon and row[2] > 1000)
    fields = ("sample_id", "start_date", "value", "data_type")
    scan = lake.table("health_data_raw").scan(
        row_filter="data_type == 'steps' and start_date < '2025-06-02T12:00:00' and value > 1000",
        selected_fields=fields)
    assert sorted(tuple(r[f] for f in fields) for r in scan.to_arrow().to_pylist()) == wanted
    assert len(list(scan.plan_files())) < lake.table("health_data_raw").inspect.files().num_rows / 4
    rows = duckdb_connection().execute(
        f"select sample_id, start_date, value, data_type from {scan_of(lake)} where data_type = 'steps' "
        "and start_date < '2025-06-02 12:00:00' and value > 1000").fetchall()
    assert sorted(rows) == wanted


def test_all_readers_agree_on_every_column_of_both_tables(lake):
    for name in ("health_data_raw", "health_data_errors"):
        arrow = lake.table(name).scan().to_arrow()
        connection = duckdb_connection()
        columns = [c for c in arrow.column_names if c != "metadata"]
        order = "sample_id" if name == "health_data_raw" else "error_id"
        theirs = connection.execute(
            f"select {', '.join(columns)} from {scan_of(lake, name)} order by {order}").fetchall()
        ours = sorted(zip(*(arrow[c].to_pylist() for c in columns)), key=lambda r: r[columns.index(order)])
        assert theirs == ours


def test_metadata_maps_survive(lake):
    arrow = lake.table("health_data_raw").scan(selected_fields=("sample_id", "metadata")).to_arrow().to_pylist()
    values = {tuple(row["metadata"]) for row in arrow}
    assert values == {(), (("motionContext", "active"),), (("motionContext", "sedentary"),)}


def test_inspection_shows_files_with_their_bounds_and_counts(lake, expected):
    files = lake.table("health_data_raw").inspect.files().to_pylist()
    assert sum(f["record_count"] for f in files) == len(expected)
    for f in files:
        metrics = f["readable_metrics"]
        assert metrics["data_type"]["lower_bound"] == metrics["data_type"]["upper_bound"]
        assert metrics["value"]["null_value_count"] == 0
        assert metrics["start_date"]["lower_bound"] <= metrics["start_date"]["upper_bound"]
        assert f["file_format"] == "PARQUET"
    partitions = lake.table("health_data_raw").inspect.partitions().to_pylist()
    assert len(partitions) == 24
    assert sum(p["record_count"] for p in partitions) == len(expected)


def test_own_scan_prints_what_the_others_read(lake, expected):
    out = lake.run("scan", "health_db.health_data_raw", "--config", "icesink.yaml", "--format", "ndjson", "--columns",
                   "sample_id,start_date,value,data_type")
    rows = [json.loads(line) for line in out.stdout.splitlines()]
    assert sorted((r["sample_id"], datetime.datetime.fromisoformat(r["start_date"]), r["value"], r["data_type"])
                  for r in rows) == expected


@pytest.mark.parametrize("name", ["health_data_raw", "health_data_errors"])
def test_metadata_manifest_lists_and_manifests_are_what_fastavro_and_pyiceberg_say(lake, name):
    script = ROOT / "tests/interop/check_manifest_files.py"
    done = subprocess.run([sys.executable, str(script), lake.metadata_location(name).removeprefix("file://")],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyiceberg_appends_and_icesink_goes_on(lake):
    table = lake.table("health_data_errors")
    before = table.scan().to_arrow()
    table.append(before.slice(0, 3))
    lake.generate(500)
    lake.sink()
    after = lake.table("health_data_errors").scan().to_arrow()
    dead = sum(1 for v in lake.ledger().values() if v["error_type"])
    assert after.num_rows == dead + 3
    lake.verify()
