"""The documented pipeline of PyFlink, submitted as users submit it, on a cluster that loses a TaskManager."""

import pathlib
import time

from broker_lake import table_rows
from catalogs import RestTables, tables_of
from conftest import ROOT
from health_lake import MESSAGES, HealthLake

PROGRAMS = pathlib.Path(ROOT / "bindings/python/tests/flink_programs")


class RestHealthLake(RestTables, HealthLake):
    """The pipeline's tables in a REST catalog on S3."""

    def __init__(self, directory, server, *arguments):
        self.server = server
        self.store = server.store
        self.tables = tables_of(server)
        super().__init__(directory, *arguments)

    def catalog_variables(self):
        return {
            "ICEBERG_CATALOG_TYPE": "rest",
            "ICEBERG_CATALOG_URI": self.server.uri,
            "ICEBERG_WAREHOUSE": self.server.warehouse,
            "S3_ENDPOINT": self.store.endpoint,
            "S3_ACCESS_KEY": self.store.access_key,
            "S3_SECRET_KEY": self.store.secret_key,
        }


def test_the_documented_pipeline_goes_on_without_one_taskmanager(
    cluster, server, broker, registry, python_package, tmp_path
):
    lake = RestHealthLake(tmp_path / "lake", server, (broker, registry), "documented")
    rows = len(lake.expected()[0])
    lake.produce(0, MESSAGES // 3)
    job = cluster.run_python(
        PROGRAMS / "pipeline.py", [PROGRAMS, python_package], **lake.variables, FLINK_TEST_SETTINGS="{}"
    )
    cluster.wait_until(lambda: table_rows(lake) > 0, "the first rows", 90, job)
    lake.produce(MESSAGES // 3, 2 * MESSAGES // 3)
    # Into the middle of them: between checkpoints there is always something in hand.
    time.sleep(0.7)
    victim = cluster.taskmanagers_of(job)[0]
    assert 0 < table_rows(lake) < rows
    cluster.kill(victim)
    cluster.launch(victim)
    lake.produce(2 * MESSAGES // 3, MESSAGES)
    cluster.wait_until(lambda: cluster.checkpoints(job)["restored"] > 0, "the job is restored", 60, job)
    cluster.wait_until(lambda: table_rows(lake) >= rows, f"{rows} rows", 90, job)
    # What is written twice would come with a later checkpoint.
    cluster.wait_for_checkpoints(job, 2)
    cluster.cancel(job)
    lake.assert_rows()
