"""REST catalogs with S3 storage: the main job end to end, read by others, killed, and disturbed on the way."""
import collections
import json
import os
import random
import subprocess
import time

import duckdb
import duckdb_extensions
import pytest
from catalogs import RestLake, deployment
from fault_proxy import Fault, FaultProxy
from lake import ROOT, TEST_ALL, kill_at_random_instants
from services import script

KINDS = ["nessie", "fixture", "fixture-files"]


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    with deployment(request.param, tmp_path_factory.mktemp(request.param)) as server:
        server.kind = request.param
        yield server


@pytest.fixture
def lake(server, tmp_path):
    """A lake of its own: the tables of an earlier test are dropped."""
    lake = RestLake(tmp_path, server)
    catalog = lake.catalog()
    for name in ("health_data_raw", "health_data_errors"):
        if catalog.namespace_exists("health_db") and catalog.table_exists(f"health_db.{name}"):
            catalog.drop_table(f"health_db.{name}")
    return lake


def test_the_main_job_writes_what_others_read(lake):
    for _ in range(2):
        lake.generate(3000)
        lake.sink()
    lake.assert_conserved()
    found = lake.verify()
    assert found["records"] == 6000
    listed = lake.run("tables", "--config", "icesink.yaml", "--json").stdout
    assert {t["table"] for t in json.loads(listed)} >= {"health_db.health_data_raw", "health_db.health_data_errors"}
    checked = lake.run("check", "icesink.yaml").stdout
    assert "FAILED" not in checked and "ok      store" in checked


def test_duckdb_reads_the_tables_from_the_object_store(lake):
    lake.generate(2000)
    lake.sink()
    duck = duckdb.connect()
    for extension in ("avro", "iceberg", "httpfs"):
        duckdb_extensions.import_extension(extension, con=duck)
        duck.execute(f"load {extension}")
    if lake.store:
        duck.execute(f"create secret (type s3, key_id '{lake.store.access_key}', secret '{lake.store.secret_key}', "
                     f"endpoint '{lake.store.endpoint.removeprefix('http://')}', url_style 'path', use_ssl false, region 'us-east-1')")
    location = lake.metadata_location("health_data_raw").removeprefix("file:")
    rows = duck.execute("select sample_id from iceberg_scan(?)", [location]).fetchall()
    assert sorted(r[0] for r in rows) == sorted(r[0] for r in lake.expected()[0])


# The files of a directory are read by Java in test_readers.py.
@pytest.mark.parametrize("server", ["nessie", "fixture"], indirect=True)
def test_java_reads_the_tables_through_the_catalog(server, lake):
    lake.generate(1000)
    lake.sink()
    iceberg = script("rest_fixture", "install")
    done = subprocess.run(
        ["java", "-cp", f"{ROOT}/.cache/java/target/*:{ROOT}/.cache/java/lib/*:{iceberg}/*", "icesink.TableReader", server.uri, "rest",
         server.warehouse, "health_db.health_data_raw", "value", "sample_id", "data_type", "heartRate"],
        capture_output=True, text=True, timeout=120, env={**os.environ, **server.environment()})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = lake.expected()[0]
    assert found["rows"] == found["distinct"] == len(rows)
    assert found["filtered"] == sum(row[3] == "heartRate" for row in rows)


def test_tables_that_others_made_and_write_to_are_appended_to(lake):
    lake.generate(500)
    lake.sink()
    table = lake.table("health_data_errors")
    table.append(table.scan().to_arrow().slice(0, 3))
    lake.generate(500)
    lake.sink()
    dead = sum(1 for v in lake.ledger().values() if v["error_type"])
    assert lake.table("health_data_errors").scan().to_arrow().num_rows == dead + 3
    lake.verify()


# Killed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed,kills", [(1, 40)] if not TEST_ALL else [(seed, 150) for seed in range(1, 4)])
def test_killed_at_random_instants_neither_loses_nor_duplicates(lake, seed, kills):
    lake.configure(interval="10ms")
    kill_at_random_instants(lake, random.Random(seed), kills, longest_s=0.4, counts=[64, 640])


def is_commit(request):
    return request.method == "POST" and (request.path.endswith("/transactions/commit") or
                                         (b'"updates"' in request.body and b'"add-snapshot"' in request.body))


def is_commit_of(request, table):
    return is_commit(request) and f'"name":"{table}"'.encode() in request.body


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_the_tables_of_a_commit(server, lake, moment):
    """Before the request of each table's commit goes out, or right after the server has decided it."""
    proxy = FaultProxy(server.uri)
    lake.uri = proxy.url
    lake.configure(interval="1s")
    lake.run("init", "icesink.yaml")
    choose = random.Random(moment)
    kills = 100 if TEST_ALL else 25
    tables = ["health_data_raw", "health_data_errors"]
    running = {}

    def strike(request):
        if is_commit_of(request, running.get("table", "")) and running["process"].poll() is None:
            running["process"].kill()
            running["kills"] += 1

    if moment == "before":
        proxy.choose = strike
    else:
        proxy.after = strike
    running["kills"] = 0
    for _ in range(kills):
        lake.generate(64)
        running["table"] = choose.choice(tables)
        running["process"] = lake.start_sink()
        running["process"].wait(60)
        running["process"].stderr.close()
    running["table"] = "none"
    assert running["kills"] >= kills / 2, running["kills"]
    lake.sink()
    lake.assert_conserved()
    lake.verify()
    proxy.close()


# Disturbed ---------------------------------------------------------------------------------------------------------


def disturbed(lake, server, seed, rounds, faults_per_run):
    """Runs with faults at random requests of the catalog and of the object store, at random bytes of them."""
    choose = random.Random(seed)
    catalog = FaultProxy(server.uri)
    proxies = [catalog]
    lake.uri = catalog.url
    if lake.store:
        store = FaultProxy(lake.store.endpoint)
        proxies.append(store)
        lake.endpoint = store.url
    lake.configure(interval="20ms")
    lake.run("init", "icesink.yaml")
    counts = collections.Counter()

    def trouble(request):
        # There are few commits among many requests, and they are what this is about.
        if choose.random() > (0.3 if is_commit(request) else faults_per_run / 40):
            return None
        kind = choose.choice(["delay", "cut_request", "cut_reply", "cut_reply", "reset_reply", "repeat", "late"])
        amount = choose.uniform(0, 0.3) if kind in ("delay", "late") else choose.choice(
            [0, 1, choose.randrange(request.size + 1), choose.randrange(3000)])
        counts[kind] += 1
        counts["commits"] += is_commit(request)
        return kind, amount

    for number in range(rounds):
        lake.generate(64)
        for proxy in proxies:
            proxy.choose = lambda request: (lambda f: Fault(*f) if f else None)(trouble(request))
        # It may give up where a server keeps failing; nothing may be lost by that.
        lake.sink("--commit.retry_delay=10ms", check=False)
        for proxy in proxies:
            proxy.choose = lambda request: None
        if number % 10 == 9:
            lake.verify()
    time.sleep(0.5)
    lake.sink()
    lake.assert_conserved()
    lake.verify()
    for proxy in proxies:
        proxy.close()
    return counts


@pytest.mark.parametrize("seed", [1] if not TEST_ALL else range(1, 6))
def test_delayed_cut_reset_repeated_lost_and_late_messages_cost_nothing(server, lake, seed):
    counts = disturbed(lake, server, seed, 40 if not TEST_ALL else 300, 3)
    print(counts)
    assert counts["commits"] > 0 and len(counts) == 7


# Access that the catalog gives out ---------------------------------------------------------------------------------


# Nessie alone signs.
@pytest.mark.parametrize("server", ["nessie"], indirect=True)
def test_objects_are_reached_by_the_catalogs_signatures_where_no_key_is_set(lake):
    lake.configure(store="")
    lake.generate(500)
    lake.sink()
    lake.assert_conserved()
    lake.verify()
    assert "ok      store" in lake.run("check", "icesink.yaml").stdout
