"""verify finds what is wrong, and says how much it could prove."""
import json
import pathlib
import sqlite3

import pytest
from lake import Lake


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path, partitions=2)
    for _ in range(4):
        lake.generate(300)
        lake.sink()
    return lake


def verify(lake, status):
    done = lake.run("verify", "health_db.health_data_raw", "--config", "icesink.yaml", "--json", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)[0]


def a_data_file(lake):
    return pathlib.Path(lake.table("health_data_raw").inspect.files()["file_path"][0].as_py().removeprefix("file://"))


def edit_metadata(lake, change):
    """Writes a changed metadata file and points the catalog at it, as a broken program might."""
    location = lake.metadata_location("health_data_raw")
    path = pathlib.Path(location.removeprefix("file://"))
    document = json.loads(path.read_text())
    change(document)
    other = path.with_name("99999-edited.metadata.json")
    other.write_text(json.dumps(document))
    with sqlite3.connect(lake.directory / "catalog.db") as catalog:
        catalog.execute("update iceberg_tables set metadata_location = ? where metadata_location = ?",
                        (f"file://{other}", location))


def test_missing_data_file_is_a_violation(lake):
    path = a_data_file(lake)
    path.unlink()
    violation, = verify(lake, 4)["violations"]
    assert path.name in violation and "not there" in violation


def test_data_file_of_another_size_is_a_violation(lake):
    path = a_data_file(lake)
    path.write_bytes(path.read_bytes() + b"x")
    violation, = verify(lake, 4)["violations"]
    assert path.name in violation and "its manifest says" in violation


def snapshot_of_epoch(document, epoch):
    return next(s for s in document["snapshots"] if s["summary"].get("icesink.epoch") == str(epoch))


def shift_range(document):
    summary = snapshot_of_epoch(document, 3)["summary"]
    ranges = json.loads(summary["icesink.ranges"])
    ranges["health-data-raw"]["0"][0] -= 1
    summary["icesink.ranges"] = json.dumps(ranges)


def lose_rows(document):
    snapshot_of_epoch(document, 3)["summary"]["icesink.rows"] = "1"


def lose_position(document):
    position = json.loads(document["properties"]["icesink.position.health"])
    position["offsets"]["health-data-raw"]["1"] -= 10
    document["properties"]["icesink.position.health"] = json.dumps(position)


def lose_totals(document):
    position = json.loads(document["properties"]["icesink.position.health"])
    position["totals"]["dead-letters"] += 1
    document["properties"]["icesink.position.health"] = json.dumps(position)


@pytest.mark.parametrize("change,says", [(shift_range, "overlaps"), (lose_rows, "elements are not"),
                                         (lose_position, "the position is"), (lose_totals, "totals")])
def test_ranges_and_counts_that_do_not_fit_are_violations(lake, change, says):
    edit_metadata(lake, change)
    violations = verify(lake, 4)["violations"]
    assert any(says in violation for violation in violations), violations


def test_expired_snapshots_leave_the_totals_and_say_from_which_epoch_ranges_are_proven(lake):
    table = lake.table("health_data_raw")
    snapshots = sorted(table.snapshots(), key=lambda s: s.sequence_number)
    assert verify(lake, 0)["proven_from"] == 1
    table.maintenance.expire_snapshots().by_ids([s.snapshot_id for s in snapshots[:2]]).commit()
    audit = verify(lake, 0)
    assert audit["proven_from"] == 3
    assert audit["epochs"] == len(snapshots)
    lake.generate(300)
    lake.sink()
    lake.assert_conserved()
    assert verify(lake, 0)["proven_from"] == 3


def test_files_that_no_snapshot_lists_are_told_and_no_violation(lake):
    assert verify(lake, 0)["stray_files"] == 0
    data = a_data_file(lake)
    stray = data.with_name("left-behind.parquet")
    stray.write_bytes(b"x" * 1000)
    (data.parents[3] / "metadata/left-behind-m0.avro").write_bytes(b"y" * 24)
    found = verify(lake, 0)
    assert (found["stray_files"], found["stray_bytes"], found["violations"]) == (2, 1024, [])
    assert f"file://{stray}" in found["stray"]
    # What an older snapshot lists is none, also when the head has let go of it.
    table = lake.table("health_data_raw")
    table.overwrite(table.scan().to_arrow().slice(0, 5))
    assert verify(lake, 0)["stray_files"] == 2


# Against the topic ------------------------------------------------------------------------------------------------------

@pytest.fixture
def large(tmp_path):
    """Files of so many rows that another writer can make them as small."""
    lake = Lake(tmp_path, partitions=2, bad=10)
    lake.generate(8000)
    lake.sink()
    return lake


def verify_source(lake, status=0):
    done = lake.run("verify", "health_db.health_data_raw", "--source", "--config", "icesink.yaml", "--json", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)[0]


def replace_rows(lake, name, change):
    """Writes the rows of a data file anew, as a broken program might: with the name and the size that the manifest has."""
    import pyarrow.parquet
    path = pathlib.Path(max(lake.table(name).inspect.files().to_pylist(), key=lambda f: f["file_size_in_bytes"])
                        ["file_path"].removeprefix("file://"))
    size = path.stat().st_size
    table = change(pyarrow.parquet.read_table(path))
    padding = 1
    for _ in range(8):
        with pyarrow.parquet.ParquetWriter(path, table.schema, compression="zstd", compression_level=19,
                                           write_statistics=False, store_schema=False) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({"padding": "x" * padding})
        if path.stat().st_size == size:
            return path
        padding = max(1, padding + size - path.stat().st_size)
    raise AssertionError(f"{path} cannot be made {size} bytes long")


def test_every_record_of_the_topic_is_compared(lake):
    found = verify_source(lake)
    rows, dead = lake.expected()
    assert found["source"] == {"epochs": 5, "epochs_gone": 0, "epochs_rewritten": 0, "records": 1200,
                               "rows": len(rows) + len(dead)}


def column_with(table, name, row, value):
    import pyarrow
    values = table[name].to_pylist()
    values[row] = value
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name),
                            pyarrow.array(values, table.schema.field(name).type))


def test_changed_value_is_named_by_the_record_it_is_missing_from(large):
    replace_rows(large, "health_data_raw", lambda t: column_with(t, "value", 3, 12345.0))
    violations = verify_source(large, 4)["violations"]
    assert any("lacks 1 row of topic health-data-raw, partition" in v for v in violations), violations
    assert any("has 1 row that no record gives" in v for v in violations), violations


def test_file_that_cannot_be_read_is_a_violation(lake):
    path = a_data_file(lake)
    data = bytearray(path.read_bytes())
    data[len(data) // 2:] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    violations = verify_source(lake, 4)["violations"]
    assert any(path.name in v for v in violations), violations


def test_row_that_is_there_twice_in_place_of_another_is_named(large):
    import pyarrow
    path = replace_rows(large, "health_data_raw",
                        lambda t: pyarrow.concat_tables([t.slice(0, 1), t.slice(0, 1), t.slice(2)]))
    violations = verify_source(large, 4)["violations"]
    assert any("lacks 1 row of topic" in v for v in violations), violations
    assert any("has 1 row too many of topic" in v for v in violations), (path, violations)


def test_dead_letter_that_is_missing_is_named(large):
    lost = {}

    def spoil(table):
        lost["offset"] = table["kafka_offset"][0].as_py()
        return column_with(table, "kafka_offset", 0, 999999)

    replace_rows(large, "health_data_errors", spoil)
    violations = verify_source(large, 4)["violations"]
    assert any(f"health_data_errors lacks 1 row of topic" in v and f"offset {lost['offset']}" in v for v in violations)


def test_epochs_whose_files_were_rewritten_are_not_compared_and_counted(lake):
    table = lake.table("health_data_raw")
    rows = table.scan().to_arrow()
    table.overwrite(rows)
    found = verify_source(lake)
    assert found["source"]["epochs_rewritten"] == 4 and found["source"]["records"] == 0


def test_foreign_rows_are_left_out(lake):
    table = lake.table("health_data_raw")
    table.append(table.scan().to_arrow().slice(0, 5))
    assert verify_source(lake)["source"]["records"] == 1200


def test_configuration_that_decides_otherwise_today_shows(lake):
    preset = lake.run("config", "show", "health").stdout.replace("min: 20, max: 250", "min: 20, max: 60")
    indented = "".join(f"  {line}\n" for line in preset.splitlines())
    config = lake.directory / "icesink.yaml"
    config.write_text(config.read_text().replace("pipeline: {preset: health}\n", f"pipeline:\n{indented}"))
    violations = verify_source(lake, 4)["violations"]
    assert any("health_data_errors lacks" in v for v in violations)
