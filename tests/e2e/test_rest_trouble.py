"""REST catalogs under many writers, at every byte of a conversation, and counted: how many requests a commit takes."""
import collections
import random
import threading
import time

import pytest
from catalogs import RestLake, deployment
from fault_proxy import Fault, FaultProxy
from lake import TEST_ALL

WRITERS = 8
FOREIGN = 3


@pytest.fixture(scope="module", params=["nessie", "fixture"])
def server(request, tmp_path_factory):
    with deployment(request.param, tmp_path_factory.mktemp(request.param)) as server:
        server.kind = request.param
        yield server


def fresh_lake(server, directory, **options):
    """A lake without tables of an earlier test."""
    lake = RestLake(directory, server, **options)
    catalog = lake.catalog()
    for name in ("health_data_raw", "health_data_errors"):
        if catalog.namespace_exists("health_db") and catalog.table_exists(f"health_db.{name}"):
            catalog.drop_table(f"health_db.{name}")
    return lake


# Storms ------------------------------------------------------------------------------------------------------------


def append_foreign(lake, stop, counts):
    """Somebody else's rows in the dead-letter table; a conflict is his to repeat."""
    table = lake.table("health_data_errors")
    row = table.scan().to_arrow().slice(0, 1)
    while not stop.is_set():
        try:
            lake.table("health_data_errors").append(row)
            counts["foreign"] += 1
        except Exception as problem:  # pylint: disable=broad-except
            # Nessie does not show the snapshot that PyIceberg began from, which it then misses.
            assert "ommit" in type(problem).__name__ + str(problem) or "starting snapshot" in str(problem), problem
            counts["conflicts"] += 1
        time.sleep(0.05)


def test_a_storm_of_writers_loses_nothing(server, tmp_path):
    lakes = []
    for number in range(WRITERS):
        directory = tmp_path / f"writer-{number}"
        lake = fresh_lake(server, directory, seed=100 + number) if number == 0 else RestLake(directory, server, seed=100 + number)
        config = directory / "icesink.yaml"
        lake.configure(interval="100ms")
        # The same topic's name eight times: no sink is another one renamed.
        config.write_text(config.read_text().replace("name: health\n", f"name: writer-{number}\non_renamed: start\n"))
        lakes.append(lake)
    first = lakes[0]
    first.generate(100)
    first.sink()
    stop = threading.Event()
    counts = collections.Counter()
    before = first.table("health_data_errors").scan().to_arrow().num_rows
    others = [threading.Thread(target=append_foreign, args=(first, stop, counts)) for _ in range(FOREIGN)]
    for other in others:
        other.start()
    processes = []
    for lake in lakes:
        lake.generate(5000)
        processes.append(lake.start_sink("--commit.retries=10", "--commit.retry_delay=50ms"))
    try:
        for process in processes:
            log = process.communicate(timeout=240)[1]
            assert process.returncode == 0, log
    finally:
        for process in processes:
            process.kill()
        stop.set()
        for other in others:
            other.join()
    print(counts)
    assert counts["foreign"] > 0 and before > 0
    rows, dead = [], 0
    for lake in lakes:
        expected = lake.expected()
        rows += [row[0] for row in expected[0]]
        dead += len(expected[1])
    found = first.table("health_data_raw").scan(selected_fields=("sample_id",)).to_arrow().column("sample_id").to_pylist()
    assert sorted(found) == sorted(rows)
    assert first.table("health_data_errors").scan().to_arrow().num_rows == dead + counts["foreign"]
    assert first.run("verify", "health_db.health_data_raw", "--config", "icesink.yaml").stdout.count("no violation") == WRITERS


# Counted -----------------------------------------------------------------------------------------------------------


def kind_of(request):
    """A request in a word: what is asked of which table or file."""
    path = request.path.split("?")[0]
    if path.endswith("/config"):
        return "config"
    if path.endswith("/transactions/commit"):
        return "commit"
    table = "errors" if "health_data_errors" in path else "raw"
    if "/namespaces/" in path:
        return {"GET": "load ", "POST": "commit "}[request.method] + table
    name = path.rsplit("/", 1)[1]
    what = "data" if name.endswith(".parquet") else "list" if name.startswith("snap-") else "manifest"
    return f"{request.method} {what}" + (f" {table}" if what != "data" else "")


@pytest.mark.parametrize("bad,expected", [
    # Data and dead letters: the lead's decision, then the follower's part; or both in one request, read back.
    (50, {"fixture": {"load raw": 2, "load errors": 3, "commit raw": 1, "commit errors": 1},
          "nessie": {"load raw": 2, "load errors": 3, "commit": 1}}),
    # Data alone: nothing is read back, and nothing was pending.
    (0, {"fixture": {"load raw": 2, "load errors": 1, "commit raw": 1},
         "nessie": {"load raw": 1, "load errors": 1, "commit": 1}})])
def test_a_commit_takes_as_many_requests_as_the_protocol_needs(server, tmp_path, bad, expected):
    catalog, store = FaultProxy(server.uri), FaultProxy(server.store.endpoint)
    lake = fresh_lake(server, tmp_path, bad=bad)
    lake.uri, lake.endpoint = catalog.url, store.url
    lake.configure(interval="1s")
    lake.generate(100)
    with lake.service():
        epochs = []
        for _ in range(3):
            count = len(catalog.requests), len(store.requests)
            lake.generate(100)
            lake.wait_for_rows()
            time.sleep(0.3)  # what follows a commit
            epochs.append((catalog.requests[count[0]:], store.requests[count[1]:]))
    asked, stored = epochs[-1]
    assert collections.Counter(map(kind_of, asked)) == expected[server.kind]
    written = collections.Counter(map(kind_of, stored))
    assert written.pop("PUT data") >= 1
    tables = ("raw", "errors") if bad else ("raw",)
    assert written == {f"PUT {what} {table}": 1 for what in ("manifest", "list") for table in tables}
    catalog.close()
    store.close()


# Every byte --------------------------------------------------------------------------------------------------------


class Cuts:
    """Cuts the first request of each kind, or its answer, at the same byte."""

    def __init__(self, proxies):
        self.proxies = proxies
        self.done = set()
        self.kind = self.byte = None
        for proxy in proxies:
            proxy.choose = self.choose

    def begin(self, kind, byte):
        self.done, self.kind, self.byte = set(), kind, byte

    def choose(self, request):
        what = kind_of(request)
        if self.kind is None or what in self.done:
            return None
        self.done.add(what)
        return Fault(self.kind, self.byte)


def sizes(proxies):
    """How large the first message of each kind is, either way."""
    found = {}
    for proxy in proxies:
        replies = dict(proxy.replies)
        for request in proxy.requests:
            found.setdefault(kind_of(request), (request.size, replies[request.number]))
    return found


def test_a_conversation_may_break_at_any_byte(server, tmp_path):
    """Each kind of request of a run, and each answer, cut at each of their bytes in turn; in the ordinary suite at some of them."""
    proxies = [FaultProxy(server.uri), FaultProxy(server.store.endpoint)]
    lake = fresh_lake(server, tmp_path, bad=30, partitions=1)
    lake.uri, lake.endpoint = proxies[0].url, proxies[1].url
    lake.configure(interval="1h")
    lake.generate(10)
    lake.sink()
    for proxy in proxies:
        proxy.requests.clear()
        proxy.replies.clear()
    lake.generate(10)
    lake.sink()
    known = sizes(proxies)
    cuts = Cuts(proxies)
    choose = random.Random(5)
    broken = 0
    for kind, side in (("cut_request", 0), ("cut_reply", 1)):
        largest = max(size[side] for size in known.values())
        positions = range(largest + 1) if TEST_ALL else choose.sample(range(largest + 1), 6) + choose.sample(range(500), 10)
        for byte in positions:
            lake.generate(1)
            cuts.begin(kind, byte)
            lake.sink("--commit.retry_delay=1ms", check=False)
            broken += sum(byte <= size[side] for size in known.values())
            cuts.begin(None, 0)
    lake.sink()
    lake.assert_conserved()
    lake.verify()
    print(f"{broken} of {sum(map(sum, known.values()))} byte positions of {len(known)} kinds of requests")
    for proxy in proxies:
        proxy.close()
