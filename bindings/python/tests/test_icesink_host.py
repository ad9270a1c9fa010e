"""What the library leaves alone in its host, and what it does when it is used wrongly."""

import gc
import http.server
import logging
import os
import subprocess
import sys
import threading
import time

import icesink
import pyarrow as pa
import pytest

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.string())])
DATA = pa.table({"id": [1, 2, 3], "text": ["a", None, "c"]}, schema=SCHEMA)


def run(program, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_use_after_close_is_an_exception(lake, catalog):
    table = catalog.create_table("db.t", SCHEMA)
    writer = table.writer()
    writer.append(DATA)
    writer.close()
    writer.close()
    with pytest.raises(icesink.InvalidState, match="the writer is closed"):
        writer.append(DATA)
    with pytest.raises(icesink.InvalidState, match="the writer is closed"):
        writer.totals
    left_open = table.writer()
    left_open.append(DATA)
    catalog.close()
    catalog.close()
    for use in (
        lambda: left_open.append(DATA),
        left_open.finish,
        lambda: left_open.totals,
        lambda: table.schema,
        lambda: table.metadata,
        lambda: table.append(DATA),
        lambda: table.token("w"),
        catalog.list_namespaces,
    ):
        with pytest.raises(icesink.InvalidState, match="closed"):
            use()
    left_open.close()
    # A scan has a session of its own.
    assert table.scan().to_pylist() == []


def test_a_reader_outlasts_its_catalog(catalog):
    table = catalog.create_table("db.t", SCHEMA)
    table.append(DATA)
    reader = pa.RecordBatchReader.from_stream(table.scan())
    batches = iter(table.scan())
    batch = next(batches)
    schema = table.schema
    catalog.close()
    del table
    gc.collect()
    assert reader.read_all().to_pylist() == DATA.to_pylist()
    assert batch.to_pylist() == DATA.to_pylist() and list(batches) == []
    assert pa.schema(schema).names == ["id", "text"]


def test_capsules_that_nobody_takes_are_released_and_hide_no_exception(catalog):
    table = catalog.create_table("db.t", SCHEMA)
    table.append(DATA)
    batch = next(iter(table.scan()))
    # The capsule is dropped while the TypeError is on its way.
    for make in (
        table.scan().__arrow_c_stream__,
        table.schema.__arrow_c_schema__,
        lambda: batch.__arrow_c_array__()[1],
    ):
        with pytest.raises(TypeError, match="PyCapsule"):
            len(make())
    with pytest.raises(ValueError, match="incorrect name"):

        class Wrong:
            def __arrow_c_stream__(self):
                return table.schema.__arrow_c_schema__()

        table.append(Wrong())
    children = pa.array(batch).field(0)  # moved out of the batch
    del batch
    gc.collect()
    assert children.to_pylist() == [1, 2, 3]


def test_an_error_while_a_scan_is_read_is_told_and_the_reader_goes(catalog, lake):
    table = catalog.create_table("db.t", SCHEMA)
    table.append(DATA)
    for file in (lake.directory / "warehouse").rglob("*.parquet"):
        file.write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    with pytest.raises(icesink.InputOutputError, match="parquet"):
        table.scan().to_pylist()
    with pytest.raises((OSError, pa.ArrowInvalid), match="parquet"):
        pa.RecordBatchReader.from_stream(table.scan()).read_all()


def test_threads_take_turns_in_one_session(lake, catalog):
    table = catalog.create_table("db.t", SCHEMA)
    failures = []

    def work(name):
        try:
            for number in range(5):
                table.append(DATA, writer=name, number=number)
                assert table.token(name) == number
                table.scan().to_pylist()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"writer-{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert lake.read("db.t").num_rows == 4 * 5 * 3


def test_a_child_of_a_fork_is_refused_and_does_no_harm(catalog):
    table = catalog.create_table("db.t", SCHEMA)
    writer = table.writer()
    writer.append(DATA)
    child = os.fork()
    if child == 0:
        try:
            table.metadata
        except icesink.InvalidState as error:
            writer.close()
            catalog.close()
            os._exit(0 if "another process" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    table.commit([writer.finish()])
    assert len(table.scan().to_pylist()) == 3


class BusyCatalog(http.server.BaseHTTPRequestHandler):
    """A REST catalog that is there and has no time."""

    def do_GET(self):
        body = (
            b"{}"
            if self.path.startswith("/v1/config")
            else b'{"error": {"code": 503, "type": "Busy", "message": "busy"}}'
        )
        self.send_response(200 if body == b"{}" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def busy():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BusyCatalog)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {
        "catalog.type": "rest",
        "catalog.uri": f"http://127.0.0.1:{server.server_port}",
        "catalog.access_delegation": "no",
    }
    yield settings
    server.shutdown()
    server.server_close()


def test_the_log_goes_to_python_and_handlers_cannot_call_back(busy, caplog):
    caplog.set_level(logging.DEBUG, "icesink")
    refused = []

    class Handler(logging.Handler):
        def emit(self, record):
            with pytest.raises(icesink.InvalidState) as caught:
                catalog.list_namespaces()
            refused.append(str(caught.value))

    handler = Handler()
    with icesink.open(busy, commit={"give_up": "3s", "retry_delay": "10ms"}) as catalog:
        logging.getLogger("icesink").addHandler(handler)
        try:
            with pytest.raises(icesink.IcesinkError) as caught:
                icesink.Table(catalog._session, "db.t").commit([], writer="w", number=1)
        finally:
            logging.getLogger("icesink").removeHandler(handler)
    assert caught.value.retryable
    messages = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "icesink"]
    assert any(level == "WARNING" and "was not decided; trying again" in text for level, text in messages), messages
    assert set(refused) == {"a call of the library is under way in this thread"}


def test_a_call_that_waits_is_stopped_from_another_thread(busy):
    with icesink.open(busy, commit={"give_up": 0}) as catalog:
        threading.Timer(0.5, catalog.stop).start()
        begin = time.monotonic()
        with pytest.raises(icesink.Cancelled):
            icesink.Table(catalog._session, "db.t").commit([], writer="w", number=1)
        assert time.monotonic() - begin < 30


def test_settings_are_checked_and_nest(lake, monkeypatch):
    with pytest.raises(icesink.InvalidArgument, match="did you mean --catalog.uri"):
        icesink.open(catalog={"urii": "x"})
    with pytest.raises(icesink.InvalidArgument, match="write.batch_size must be a whole number"):
        icesink.open({"write.batch_size": "many"})
    with pytest.raises(icesink.NotFound):
        icesink.open(config=lake.directory / "absent.yaml")
    with pytest.raises(ValueError, match="zero character"):
        icesink.open({"catalog.uri": "a\0b"})
    (lake.directory / "icesink.yaml").write_text("write: {batch_size: 7, compression: zstd}\n")
    monkeypatch.setenv("BATCH_SIZE", "8")
    with icesink.open({"write": {"compression": "none"}}, config=lake.directory / "icesink.yaml") as catalog:
        assert (catalog.setting("write.batch_size"), catalog.setting("write.compression")) == ("7", "none")
        with pytest.raises(icesink.InvalidArgument, match="there is no setting"):
            catalog.setting("write.batchsize")
    with icesink.open(config=lake.directory / "icesink.yaml", environment=True, memory="64MB") as catalog:
        assert (catalog.setting("write.batch_size"), catalog.setting("memory")) == ("8", "64MB")
    with icesink.open({"tables": {"create": True, "data": None}, "source.kafka.topics": ["a", "b"]}) as catalog:
        assert catalog.setting("tables.create") == "true" and catalog.setting("source.kafka.topics") == "a,b"
    with icesink.open(catalog={"token": "hush"}) as catalog:
        assert catalog.setting("catalog.token") == ""


def test_a_catalog_that_cannot_be_reached_says_so_in_the_known_words(tmp_path):
    with icesink.open(catalog={"uri": str(tmp_path / "no.db"), "warehouse": str(tmp_path)}) as catalog:
        with pytest.raises(icesink.IcesinkError, match="Failed to register Iceberg catalog"):
            catalog.connect()
    with icesink.open({"catalog.type": "rest", "catalog.uri": "http://127.0.0.1:1", "commit.give_up": "1s"}) as catalog:
        with pytest.raises(icesink.InputOutputError, match="Failed to register Iceberg catalog") as caught:
            catalog.connect()
        assert caught.value.status == "IO"


LOCALE = """
import locale, sys, icesink, pyarrow as pa
locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
assert locale.str(1.5) == "1,5"
lake = {"uri": sys.argv[1] + "/c.db", "warehouse": sys.argv[1] + "/w"}
with icesink.open(catalog=lake, write={"target_file_size": "128MB"}) as c:
    c.create_namespace("db")
    table = c.create_table("db.t", pa.schema([pa.field("value", pa.float64())]), partition=["truncate(2, text)"][:0])
    table.append(pa.table({"value": [1.5, -1e-300]}))
    assert table.scan().to_pylist() == [{"value": 1.5}, {"value": -1e-300}]
with icesink.Decoder({"name": "n", "preset": "health", "tables.data": "d.t", "tables.dead_letters": "d.e",
                      "source.decode.format": "json"}) as decoder:
    decoder.add([("t", 0, 0, 0, None, b'{"deviceId":"d","userId":"u","timestamp":"2024-01-01","appVersion":"1",'
                  b'"samples":['
                  b'{"id":"s","type":"heartRate","value":"70.25","unit":"c","startDate":"2024-01-01",'
                  b'"endDate":"2024-01-01","isSynced":true,"createdAt":"2024-01-01"}]}')])
    assert decoder.take().to_pylist()[0]["value"] == 70.25, decoder.dead_letters().to_pylist()
assert locale.str(1.5) == "1,5"
print("same")
"""


def test_a_locale_with_commas_changes_nothing(tmp_path):
    locales = tmp_path / "locales"
    locales.mkdir()
    subprocess.run(
        ["localedef", "-c", "-i", "de_DE", "-f", "UTF-8", locales / "de_DE.UTF-8"], capture_output=True, check=True
    )
    assert run(LOCALE, tmp_path, LOCPATH=str(locales)) == "same\n"


SIGNALS = """
import signal, sys
def handlers():
    lines = open("/proc/self/status").read().splitlines()
    return [l for l in lines if l.startswith(("SigCgt", "SigIgn", "SigBlk"))]
before = handlers()
import icesink, _ctypes
with icesink.open(catalog={"uri": sys.argv[1] + "/c.db", "warehouse": sys.argv[1] + "/w"}) as catalog:
    catalog.create_namespace("db")
assert handlers() == before, (before, handlers())
with icesink.open({"catalog.type": "rest", "catalog.uri": "http://127.0.0.1:1", "commit.give_up": "1s"}) as catalog:
    try:
        catalog.connect()
    except icesink.IcesinkError:
        pass
assert handlers() == before, (before, handlers())
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("same")
"""


def test_no_signal_handler_changes(tmp_path):
    assert run(SIGNALS, tmp_path) == "same\n"


ROUNDS = """
import gc, os, sys, icesink, pyarrow as pa
SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.string())])
DATA = pa.table({"id": list(range(1000)), "text": ["x" * 100] * 1000}, schema=SCHEMA)
directory = sys.argv[1]
def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def round_(i):
    with icesink.open(catalog={"uri": directory + "/c.db", "warehouse": directory + "/w"}) as catalog:
        catalog.create_namespace("db")
        # A table of its own: metadata grows with the snapshots.
        table = catalog.create_table(f"db.t{i}", SCHEMA)
        table.append(DATA, writer="w", number=1)
        forgotten = table.writer()
        forgotten.append(DATA)
        assert len(table.to_arrow()) == 1000
        next(iter(table.scan()))
        table.scan().__arrow_c_stream__()
        pa.schema(table.schema)
        try:
            table.append(pa.table({"id": ["x"]}))
        except ValueError:
            pass
for i in range(60):
    round_(i)
before = resident()
files = len(os.listdir("/proc/self/fd"))
for i in range(60, 360):
    round_(i)
print(resident() - before, len(os.listdir("/proc/self/fd")) - files)
"""


def test_three_hundred_rounds_hold_no_more_memory_and_no_more_files(tmp_path):
    growth, files = map(int, run(ROUNDS, tmp_path, MALLOC_ARENA_MAX="1").split())
    # A leak of one batch of a round (100 kB) would be 30 MB.
    assert growth < 4 << 20
    assert files == 0


def test_everything_left_open_at_exit_is_silent(tmp_path):
    out = run(
        """
import sys, icesink, pyarrow as pa
catalog = icesink.open(catalog={"uri": sys.argv[1] + "/c.db", "warehouse": sys.argv[1] + "/w"})
catalog.create_namespace("db")
table = catalog.create_table("db.t", pa.schema([pa.field("id", pa.int64())]))
table.append(pa.table({"id": [1]}))
writer = table.writer(); writer.append(pa.table({"id": [1]}))
reader = pa.RecordBatchReader.from_stream(table.scan())
capsule = table.scan().__arrow_c_stream__()
batches = iter(table.scan())
batch = next(batches)
sys.stderr = sys.stdout
""",
        tmp_path,
    )
    assert out == ""


def test_without_pyarrow_tables_are_read_and_written(tmp_path):
    out = run(
        """
import sys
sys.modules["pyarrow"] = None
import icesink
with icesink.open(catalog={"uri": sys.argv[1] + "/c.db", "warehouse": sys.argv[1] + "/w"}, preset="health",
                  tables={"data": "db.a", "dead_letters": "db.b"}) as catalog:
    assert catalog.create_tables() == 2
    source = catalog.load_table("db.b")
    copy = catalog.create_table("db.copy", source.schema)
    with icesink.Decoder({"name": "n", "preset": "health", "tables.data": "db.a", "tables.dead_letters": "db.b",
                          "source.decode.format": "json"}) as decoder:
        decoder.add([("topic", 3, 42, 0, None, b"no json")])
        batch = decoder.dead_letters()
    source.append(batch)
    copy.append(source.scan())
    names = ("kafka_topic", "kafka_partition", "kafka_offset", "raw_bytes")
    print(*[tuple(r[n] for n in names) for r in copy.scan().to_pylist()])
    try:
        source.to_arrow()
    except ImportError:
        print("no pyarrow")
""",
        tmp_path,
    )
    assert out == "('topic', 3, 42, b'no json')\nno pyarrow\n"


def test_a_library_that_is_not_there_is_an_import_error_that_helps(tmp_path):
    for path in (tmp_path / "none.so", tmp_path / "other.so"):
        if path.name == "other.so":
            path.write_bytes(b"no library")
        done = subprocess.run(
            [sys.executable, "-c", "import icesink"],
            env={**os.environ, "ICESINK_LIBRARY": str(path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert "ImportError" in done.stderr and str(path) in done.stderr and "ICESINK_LIBRARY" in done.stderr


def test_many_small_files_are_logged_once(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "icesink")
    lake = {"uri": f"{tmp_path}/catalog.db", "warehouse": f"{tmp_path}/warehouse", "name": "lake"}
    with icesink.open(catalog=lake) as catalog:
        catalog.create_namespace("db")
        table = catalog.create_table("db.many", pa.schema([pa.field("id", pa.int64())]), partition=["id"])
        table.append(pa.table({"id": range(120)}))
        table.append(pa.table({"id": range(10)}))
    warned = [r.getMessage() for r in caplog.records if "Too many small files in Iceberg table" in r.getMessage()]
    assert len(warned) == 1 and "files=120" in warned[0] and "commit.interval" in warned[0]
