"""Exactly once through the package: tokens, races, kills, several processes, and data that does not fit."""

import random
import signal
import subprocess
import sys
import time

import icesink
import pyarrow as pa
import pytest
from conftest import KILLS

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.string())])


def rows(*ids):
    return pa.table({"id": list(ids), "text": [str(i) for i in ids]}, schema=SCHEMA)


def ids(lake, name="db.t"):
    return sorted(lake.read(name).column("id").to_pylist())


@pytest.fixture
def table(catalog):
    return catalog.create_table("db.t", SCHEMA)


def start(program, *arguments):
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def test_a_number_that_is_not_above_the_table_s_does_nothing(lake, table):
    assert table.token("w") is None
    first = table.append(rows(1), writer="w", number=5)
    assert not first.done_before and first.snapshot_id == table.metadata["current-snapshot-id"]
    for number in (5, 4, -1, -(2**63)):
        assert table.append(rows(2), writer="w", number=number) == (None, True)
    assert not table.append(rows(3), writer="another", number=1).done_before
    assert not table.append(rows(4), writer="w", number=6).done_before
    assert ids(lake) == [1, 3, 4]
    assert (table.token("w"), table.token("another"), table.token("third")) == (6, 1, None)


def test_without_a_token_every_call_appends(lake, table):
    for _ in range(2):
        assert not table.append(rows(1)).done_before
    assert ids(lake) == [1, 1]


def test_a_commit_decides_also_where_the_files_were_written_already(lake, table):
    with table.writer() as writer:
        writer.append(rows(1))
        files = writer.finish()
    assert not table.commit([files], writer="w", number=1).done_before
    again = table.commit([files], writer="w", number=1)
    assert again.done_before
    assert ids(lake) == [1]


def test_a_commit_without_files_records_the_number(lake, table):
    with table.writer() as writer:
        empty = writer.finish()
    assert empty == b""
    assert not table.commit([empty], writer="w", number=3).done_before
    assert table.token("w") == 3 and ids(lake) == []


def test_overwriting_replaces_all_rows_in_one_snapshot(lake, table):
    table.append(rows(1, 2))
    table.append(rows(3), overwrite=True, writer="w", number=1)
    assert ids(lake) == [3]
    assert table.append(rows(4), overwrite=True, writer="w", number=1).done_before
    assert ids(lake) == [3] and len(table.metadata["snapshots"]) == 2
    table.append(rows(5))
    assert ids(lake) == [3, 5]


def test_half_a_token_is_refused(table):
    with pytest.raises(icesink.InvalidArgument, match="both or neither"):
        table.append(rows(1), writer="w")
    with pytest.raises(icesink.InvalidArgument, match="both or neither"):
        table.append(rows(1), number=1)
    with pytest.raises(icesink.InvalidArgument, match="64-bit"):
        table.append(rows(1), writer="w", number=2**63)


RACE = """
import sys, icesink, pyarrow as pa
directory, begin = sys.argv[1], float(sys.argv[2])
schema = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.string())])
import time
lake = {"name": "lake", "uri": directory + "/catalog.db", "warehouse": directory + "/warehouse"}
with icesink.open(catalog=lake) as catalog:
    table = catalog.load_table("db.t")
    with table.writer() as writer:
        writer.append(pa.table({"id": list(range(100)), "text": ["x"] * 100}, schema=schema))
        files = writer.finish()
    for number in range(10):
        time.sleep(max(0, begin + number * 0.05 - time.time()))
        print(int(table.commit([files] if number == 0 else [], writer="race", number=number).done_before))
"""


def test_of_two_processes_with_one_token_exactly_one_appends(lake, table):
    racers = [start(RACE, lake.directory, time.time() + 1.5) for _ in range(2)]
    outcomes = [racer.communicate(timeout=120)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert [sorted(pair) for pair in zip(*outcomes)] == [["0", "1"]] * 10
    assert ids(lake) == list(range(100))
    assert len(table.metadata["snapshots"]) == 10


LOOP = """
import sys, icesink, pyarrow as pa
directory, end = sys.argv[1], int(sys.argv[2])
schema = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.string())])
lake = {"name": "lake", "uri": directory + "/catalog.db", "warehouse": directory + "/warehouse"}
with icesink.open(catalog=lake) as catalog:
    table = catalog.load_table("db.t")
    known = table.token("loop")
    print("begin", flush=True)
    for number in range(0 if known is None else known + 1, end):
        table.append(pa.table({"id": [number * 2, number * 2 + 1], "text": ["a", None]}, schema=schema), writer="loop",
                     number=number)
        print(number, flush=True)
"""


def test_killed_anywhere_it_loses_and_duplicates_nothing(lake, table):
    seed = 20240
    choose = random.Random(seed)
    reached, undecided = 0, 0
    for kill in range(KILLS):
        process = start(LOOP, lake.directory, 10**9)
        assert process.stdout.readline() == "begin\n"
        told = [int(process.stdout.readline()) for _ in range(choose.randrange(4))]
        assert told == list(range(reached, reached + len(told)))
        time.sleep(choose.uniform(0.0, 0.02))
        process.send_signal(signal.SIGKILL)
        more = process.communicate()[0].split()
        assert process.returncode == -signal.SIGKILL
        promised = reached + len(told) + len(more)
        known = table.token("loop")
        reached = 0 if known is None else known + 1
        # What was told is there; one more may be, whose answer nobody got.
        assert reached in (promised, promised + 1), f"seed {seed}, kill {kill}"
        undecided += reached == promised + 1
        assert ids(lake) == list(range(2 * reached)), f"seed {seed}, kill {kill}"
    print(f"{undecided} of {KILLS} kills came between commit and answer")
    assert reached > KILLS
    last = start(LOOP, lake.directory, reached + 3)
    last.communicate(timeout=60)
    assert last.returncode == 0
    assert ids(lake) == list(range(2 * (reached + 3)))


WRITE = """
import sys, icesink, pyarrow as pa
directory, first, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
schema = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.string())])
lake = {"name": "lake", "uri": directory + "/catalog.db", "warehouse": directory + "/warehouse"}
with icesink.open(catalog=lake) as catalog:
    with catalog.load_table("db.t").writer() as writer:
        for i in range(first, first + 1000, 100):
            writer.append(pa.table({"id": list(range(i, i + 100)), "text": ["x"] * 100}, schema=schema))
        open(out, "wb").write(writer.finish())
        assert writer.totals.rows == 1000 and writer.totals.files == 1
"""


def test_files_of_four_processes_become_one_snapshot(lake, table):
    writers = [start(WRITE, lake.directory, i * 1000, lake.directory / f"files-{i}") for i in range(4)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    files = [(lake.directory / f"files-{i}").read_bytes() for i in range(4)]
    for _ in range(2):
        table.commit(files, writer="four", number=1)
    assert ids(lake) == list(range(4000))
    (snapshot,) = table.metadata["snapshots"]
    assert snapshot["summary"]["added-data-files"] == "4"


def test_bytes_that_describe_no_files_are_refused(lake, catalog, table):
    with pytest.raises(icesink.Corrupt):
        table.commit([b"nothing of ours"])
    other = catalog.create_table("db.other", SCHEMA)
    with other.writer() as writer:
        writer.append(rows(1))
        files = writer.finish()
    with pytest.raises(icesink.InvalidArgument):
        table.commit([files])
    assert ids(lake) == []


@pytest.mark.parametrize(
    "bad, message",
    [
        (pa.table({"id": pa.array([None], pa.int64())}), '"id"'),
        (pa.table({"text": ["x"]}), '"id"'),
        (pa.table({"id": ["x"]}), '"id"'),
        (pa.table({"id": [1], "text": [2]}), '"text"'),
        (pa.table({"id": [1], "unknown": [2]}), '"unknown"'),
        (pa.table({"id": [1], "text": pa.array([1], pa.duration("s"))}), '"text"'),
    ],
)
def test_a_batch_that_does_not_fit_names_the_column_and_the_writer_goes_on(lake, table, bad, message):
    with table.writer() as writer:
        writer.append(rows(1))
        with pytest.raises((icesink.InvalidArgument, icesink.Unsupported), match=message) as caught:
            writer.append(bad)
        assert not caught.value.fatal
        writer.append(rows(2))
        table.commit([writer.finish()])
    assert ids(lake) == [1, 2]
    with pytest.raises((ValueError, NotImplementedError), match=message):
        table.append(bad)
    assert ids(lake) == [1, 2]


def test_an_error_of_the_data_s_own_stream_comes_through_and_nothing_is_appended(lake, table):
    def batches():
        yield rows(1).to_batches()[0]
        raise RuntimeError("the source broke")

    with pytest.raises(OSError, match="the source broke"):
        table.append(pa.RecordBatchReader.from_batches(SCHEMA, batches()))
    assert ids(lake) == []
    table.append(rows(2))
    assert ids(lake) == [2]
