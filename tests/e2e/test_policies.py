"""What other programs did to the tables between two runs: the sink stops and says what, or goes on as its policy says."""
import json
import shutil

import pytest
from lake import Lake, dead_key

TABLES = ("health_data_raw", "health_data_errors")


@pytest.fixture
def lake(tmp_path):
    """Three runs, and the snapshot of each table after the first of them."""
    lake = Lake(tmp_path, partitions=2, bad=5)
    lake.generate(300)
    lake.sink()
    lake.first = {name: lake.table(name).current_snapshot().snapshot_id for name in TABLES}
    for _ in range(2):
        lake.generate(300)
        lake.sink()
    return lake


def roll_back(lake, *names):
    for name in names:
        lake.table(name).manage_snapshots().rollback_to_snapshot(lake.first[name]).commit()


def set_policy(lake, **policies):
    lake.configure()
    with (lake.directory / "icesink.yaml").open("a") as file:
        file.writelines(f"{key}: {value}\n" for key, value in policies.items())


def stops(lake, *says):
    done = lake.sink(check=False)
    assert done.returncode == 3, done.stderr
    for text in says:
        assert text in done.stderr


def verify(lake, status=0):
    done = lake.run("verify", "health_db.health_data_raw", "--config", "icesink.yaml", "--json", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_rollback_of_both_tables_is_read_again_and_leaves_no_trace_in_the_rows(lake):
    roll_back(lake, *TABLES)
    stops(lake, "table health_db.health_data_raw was rolled back", "on_rollback: rewind or continue")
    verify(lake, 4)
    set_policy(lake, on_rollback="rewind")
    lake.sink()
    lake.assert_conserved()
    set_policy(lake)
    lake.generate(200)
    lake.sink()
    lake.assert_conserved()
    assert verify(lake)[0]["lost_epochs"] == 2


def test_rollback_of_the_data_alone_gives_its_dead_letters_twice_with_the_same_id(lake):
    roll_back(lake, "health_data_raw")
    set_policy(lake, on_rollback="rewind")
    lake.sink()
    rows, dead = lake.expected()
    found_rows, found_dead = lake.actual()
    assert found_rows == rows
    assert sorted(set(found_dead), key=dead_key) == dead and len(found_dead) > len(dead)
    ids = lake.table("health_data_errors").scan(selected_fields=("error_id",)).to_arrow()["error_id"].to_pylist()
    assert len(set(ids)) == len(dead)
    verify(lake)


def test_rollback_that_is_accepted_stays_lost(lake):
    kept = lake.table("health_data_raw").scan(snapshot_id=lake.first["health_data_raw"]).to_arrow().num_rows
    every = len(lake.expected()[0])
    roll_back(lake, "health_data_raw")
    set_policy(lake, on_rollback="continue")
    lake.generate(200)
    lake.sink()
    found = verify(lake)[0]
    assert found["lost_epochs"] == 2 and found["moved"] == 600
    assert len(lake.actual()[0]) == kept + len(lake.expected()[0]) - every


def test_rollback_whose_snapshots_were_expired_cannot_be_rewound(lake):
    table = lake.table("health_data_raw")
    lost = [s.snapshot_id for s in table.snapshots()][-2:]
    roll_back(lake, "health_data_raw")
    lake.table("health_data_raw").maintenance.expire_snapshots().by_ids(lost).commit()
    set_policy(lake, on_rollback="rewind")
    stops(lake, "cannot be rewound")


def test_lead_that_was_made_anew_stops_or_begins_again(lake):
    catalog = lake.catalog()
    rows = len(lake.expected()[0])
    schema, spec = lake.table("health_data_raw").schema(), lake.table("health_data_raw").spec()
    catalog.drop_table("health_db.health_data_raw")
    catalog.create_table("health_db.health_data_raw", schema=schema, partition_spec=spec)
    stops(lake, "from another lead table", "on_recreated")
    set_policy(lake, on_recreated="restart")
    lake.sink()
    assert len(lake.actual()[0]) == rows
    set_policy(lake)
    lake.generate(100)
    lake.sink()
    assert lake.actual()[0] == lake.expected()[0]
    verify(lake)


def test_renamed_sink_stops_or_begins_again(lake):
    config = lake.directory / "icesink.yaml"
    config.write_text(config.read_text().replace("name: health\n", "name: other\n"))
    stops(lake, "sink health is at epoch 4 of topic health-data-raw", "on_renamed: start")
    config.write_text(config.read_text() + "on_renamed: start\n")
    lake.sink()
    found = {sink["sink"]: sink for sink in verify(lake)}
    assert found["other"]["records"] == found["health"]["records"] == 900


def test_renamed_dead_letter_table_goes_on_under_its_new_name(lake):
    lake.catalog().rename_table("health_db.health_data_errors", "health_db.bad_data")
    config = lake.directory / "icesink.yaml"
    config.write_text(config.read_text().replace("health_data_errors", "bad_data"))
    lake.generate(200)
    lake.sink()
    rows, dead = lake.expected()
    assert lake.table("health_data_raw").scan().to_arrow().num_rows == len(rows)
    assert lake.table("bad_data").scan().to_arrow().num_rows == len(dead)
    verify(lake)


def test_two_sinks_of_two_topics_share_their_tables(lake):
    topics = lake.directory / "kafka"
    for partition in range(2):
        shutil.copytree(topics / f"health-data-raw-{partition}", topics / f"second-{partition}")
    config = (lake.directory / "icesink.yaml").read_text()
    (lake.directory / "icesink.yaml").write_text(
        config.replace("name: health\n", "name: second\n").replace("topic: health-data-raw", "topic: second"))
    lake.sink()
    lake.configure()
    lake.generate(100)
    lake.sink()
    found = {sink["sink"]: sink for sink in verify(lake)}
    assert found["second"]["records"] == 900 and found["health"]["records"] == 1000
