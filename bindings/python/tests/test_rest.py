"""The packages on a REST catalog with S3: read back by others, through lost replies, and by the settings of PyFlink's pipelines."""

import subprocess
import sys
import time

import icesink
import pyarrow as pa
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/e2e"))
from catalogs import deployment  # noqa: E402
from fault_proxy import Fault, FaultProxy  # noqa: E402

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("text", pa.string())])


@pytest.fixture(scope="module", params=["fixture", "nessie"])
def server(request, tmp_path_factory):
    with deployment(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


def rows(*ids):
    return pa.table({"id": list(ids), "text": [str(i) for i in ids]}, schema=SCHEMA)


def settings_of(server, uri=None):
    return {
        "catalog": {"type": "rest", "uri": uri or server.uri, "warehouse": server.warehouse},
        "store.s3": {
            "endpoint": server.store.endpoint,
            "access_key": server.store.access_key,
            "secret_key": server.store.secret_key,
        },
        "commit.retry_delay": "10ms",
    }


def pyiceberg(server):
    from pyiceberg.catalog.rest import RestCatalog

    return RestCatalog(
        "rest",
        uri=server.uri,
        warehouse=server.warehouse,
        **{
            "s3.endpoint": server.store.endpoint,
            "s3.path-style-access": "true",
            "s3.access-key-id": server.store.access_key,
            "s3.secret-access-key": server.store.secret_key,
            "s3.region": "us-east-1",
        },
    )


def ids(server, name):
    return sorted(pyiceberg(server).load_table(name).scan().to_arrow().column("id").to_pylist())


@pytest.fixture
def table(server, request):
    with icesink.open(settings_of(server)) as catalog:
        catalog.create_namespace("db")
        name = f"db.{request.node.originalname}"
        yield catalog.create_table(name, SCHEMA, partition=["bucket(4, id)"])
        catalog.drop_table(name)


def test_rows_go_in_and_come_out(server, table):
    assert not table.append(rows(*range(100)), writer="w", number=1).done_before
    assert table.append(rows(*range(100)), writer="w", number=1).done_before
    assert ids(server, table.name) == list(range(100))
    assert sorted(r["id"] for r in table.scan().to_pylist()) == list(range(100))
    assert table.to_arrow(["id"]).num_rows == 100


@pytest.mark.parametrize("kind", ["cut_reply", "cut_request", "reset_reply", "late"])
def test_a_commit_whose_reply_is_lost_lands_once(server, table, kind):
    """The first request of each append; "late" ones reach the server when the next attempt has been made."""
    proxy = FaultProxy(server.uri)
    faults = []

    def choose(request):
        is_commit = request.method == "POST" and request.path.endswith(("/" + table.name.split(".")[1], "/commit"))
        if not is_commit or len(faults) > number:
            return None
        faults.append(request)
        return Fault(kind, 0.05 if kind == "late" else 1)

    number = 0
    proxy.choose = choose
    with icesink.open(settings_of(server, proxy.url)) as catalog:
        through = catalog.load_table(table.name)
        for number in range(5):
            while through.token("w") != number:
                try:
                    through.append(rows(number), writer="w", number=number)
                except icesink.CommitUnknown:
                    pass
    time.sleep(0.2)
    proxy.close()
    assert len(faults) == 5
    assert ids(server, table.name) == list(range(5))


PIPELINE = """
from flink_consumer.config.settings import Settings
from flink_consumer.iceberg.catalog import IcebergCatalog
from flink_consumer.iceberg.table_manager import IcebergTableManager
settings = Settings()
with IcebergCatalog(settings) as catalog:
    for _ in range(2):
        assert IcebergTableManager(settings, catalog).initialize_all_tables() is True
    print(*catalog.catalog.list_tables("health_db"))
"""


def test_settings_of_a_pipeline_reach_catalog_and_store(server, tmp_path):
    (tmp_path / ".env.local").write_text(
        f"ICEBERG_CATALOG_TYPE=rest\nICEBERG_CATALOG_URI={server.uri}\nICEBERG_WAREHOUSE={server.warehouse}\n"
        f"S3_ENDPOINT={server.store.endpoint}\nS3_ACCESS_KEY={server.store.access_key}\n"
        f"S3_SECRET_KEY='{server.store.secret_key}'\nS3_PATH_STYLE_ACCESS=true\n"
    )
    done = subprocess.run([sys.executable, "-c", PIPELINE], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "health_data_errors health_data_raw\n"
    loaded = pyiceberg(server).load_table("health_db.health_data_raw")
    assert [str(f.transform) for f in loaded.spec().fields] == ["day", "identity"]
