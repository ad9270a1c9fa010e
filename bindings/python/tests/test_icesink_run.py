"""icesink.run: the program from Python."""

import logging
import os
import pathlib
import signal
import subprocess
import sys
import time

import icesink
import pytest
from icesink import _program

CONFIG = """\
name: health
source:
  segment: {{directory: kafka, topic: t}}
  decode: {{registry: "file:{directory}/kafka/schemas"}}
pipeline: {{preset: health}}
tables: {{data: db.raw, dead_letters: db.errors, create: {create}}}
catalog: {{uri: catalog.db, warehouse: warehouse}}
commit: {{interval: 200ms}}
http: "off"
"""


@pytest.fixture
def config(tmp_path):
    subprocess.run(
        [
            _program.path(),
            "gen",
            "--directory",
            "kafka",
            "--topic",
            "t",
            "--partitions",
            "2",
            "--messages",
            "200",
            "--bad",
            "2",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    file = tmp_path / "icesink.yaml"
    file.write_text(CONFIG.format(directory=tmp_path, create="true"))
    return file


def count(config, table):
    with icesink.open(config=config) as catalog:
        return len(catalog.load_table(table).scan().to_pylist())


def rows_so_far(config):
    try:
        return count(config, "db.raw")
    except icesink.IcesinkError:
        return 0


def test_a_run_to_the_end_returns_what_it_did(config, caplog):
    caplog.set_level(logging.INFO, "icesink")
    report = icesink.run(config, until_end=True)
    rows, errors = count(config, "db.raw"), count(config, "db.errors")
    assert rows > 200 and errors > 0
    assert (report["rows"], report["dead_letters"]) == (rows, errors), report
    assert any("Epoch committed" in r.getMessage() for r in caplog.records)
    icesink.run(config, until_end=True)
    assert count(config, "db.raw") == rows


def test_what_stops_it_is_an_exception_with_the_end_of_its_log(config, tmp_path):
    config.write_text(CONFIG.format(directory=tmp_path, create="false"))
    with pytest.raises(icesink.IcesinkError, match="Table does not exist: db.raw|Failed to register Iceberg catalog"):
        icesink.run(config, until_end=True)
    config.write_text("name: x\nunknown: 1\n")
    with pytest.raises(icesink.InvalidArgument, match="unknown key unknown"):
        icesink.run(config)


def test_an_interrupt_ends_it_with_its_program(config):
    process = subprocess.Popen(
        [sys.executable, "-c", "import icesink, sys\nprint('begin', flush=True)\nicesink.run(sys.argv[1])", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begin\n"
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while rows_so_far(config) <= 200:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    (child,) = children.read_text().split()
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in log and process.returncode != 0
    assert not os.path.exists(f"/proc/{child}")
    assert count(config, "db.raw") > 200
