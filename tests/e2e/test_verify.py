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
