"""Every element ends once: as a row, as a dead letter with the right cause, or filtered and counted."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from lake import BINARY, TEST_ALL, Lake

SEEDS = range(40 if TEST_ALL else 8)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_stream_is_conserved(tmp_path, seed):
    choose = random.Random(seed)
    lake = Lake(tmp_path, partitions=choose.choice([1, 2, 6, 17]), seed=seed, bad=choose.choice([0, 2, 30, 100]),
                compression=choose.choice(["none", "gzip", "snappy", "lz4", "zstd"]))
    write = "{batch_size: %d, target_file_size: %s, row_group_size: %s, page_size: %s, compression: %s}" % (
        choose.choice([1, 37, 1000]), choose.choice(["40KB", "256MB"]), choose.choice(["20KB", "128MB"]),
        choose.choice(["1KB", "1MB"]), choose.choice(["snappy", "zstd", "none"]))
    lake.configure(interval=choose.choice(["20ms", "200ms", "60s"]), memory=choose.choice(["16MB", "128MB"]),
                   workers=choose.choice([1, 2, 3]), write=write)
    for _ in range(choose.choice([1, 2, 3])):
        lake.generate(choose.choice([1, 500, 3000]))
        lake.sink()
    lake.assert_conserved()
    audit = lake.verify()
    rows, dead = lake.expected()
    assert (audit["rows"], audit["dead_letters"]) == (len(rows), len(dead))
    assert audit["elements"] == audit["rows"] + audit["dead_letters"] + audit["filtered"]
    assert audit["proven_from"] == 1


def test_second_run_goes_on_where_the_first_stopped(tmp_path):
    lake = Lake(tmp_path)
    lake.generate(2000)
    first = json.loads(lake.sink().stdout)
    again = json.loads(lake.sink().stdout)
    lake.generate(1000)
    second = json.loads(lake.sink().stdout)
    assert (first["records"], again["records"], second["records"]) == (2000, 0, 1000)
    assert again["epochs"] == 0
    lake.assert_conserved()


def test_run_stopped_by_a_signal_commits_its_open_epoch_and_goes_on(tmp_path):
    lake = Lake(tmp_path)
    lake.configure(interval="60s")
    lake.generate(4000)
    process = subprocess.Popen(lake.command("run", "icesink.yaml", "--json"), cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=lake.environment())
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["stopped"] is True
    # How much one second is enough for depends on the machine; what was read is committed.
    assert 0 < json.loads(out)["records"] <= 4000
    lake.generate(500)
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def test_torn_last_batch_is_the_end_of_the_log_and_the_next_append_cuts_it_off(tmp_path):
    lake = Lake(tmp_path, partitions=1)
    lake.generate(640)
    segment = tmp_path / "kafka/health-data-raw-0/00000000000000000000.log"
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-100])
    first = json.loads(lake.sink().stdout)
    assert first["records"] == 640 - 64
    (tmp_path / "ledger.ndjson").write_text("".join(
        line + "\n" for line in (tmp_path / "ledger.ndjson").read_text().splitlines()
        if json.loads(line)["offset"] < 576))
    lake.generate(64)
    lake.sink()
    lake.assert_conserved()


def test_zeros_behind_the_last_batch_are_the_end_of_the_log(tmp_path):
    lake = Lake(tmp_path, partitions=1)
    lake.generate(640)
    segment = tmp_path / "kafka/health-data-raw-0/00000000000000000000.log"
    segment.write_bytes(segment.read_bytes() + bytes(70000))
    assert json.loads(lake.sink().stdout)["records"] == 640
    lake.generate(64)
    assert json.loads(lake.sink().stdout)["records"] == 64
    lake.assert_conserved()


def test_embedded_run_shows_its_summary_and_grows_when_run_again(tmp_path):
    for run in (1, 2):
        done = subprocess.run([BINARY, "run", "--embedded", "--until-end", "--messages", "3000"], cwd=tmp_path,
                              capture_output=True, text=True, timeout=120,
                              env={**os.environ, "ICEBERG_CATALOG_URI": "/nowhere/ignored.db"})
        assert done.returncode == 0, done.stderr
        assert "3,000 records became" in done.stdout
        assert "icesink verify health_db.health_data_raw" in done.stdout
        verified = subprocess.run([BINARY, "verify", "health_db.health_data_raw", "--json"], cwd=tmp_path,
                                  capture_output=True, text=True, timeout=60)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert json.loads(verified.stdout)[0]["records"] == 3000 * run
