"""Lakes for the tests, and readers of tables that are not icesink's."""

import os
import pathlib
import sys

import icesink
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Processes that a test starts find what it found.
os.environ["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
KILLS = 100 if os.environ.get("ICESINK_TEST_ALL") == "1" else 20


class Lake:
    """A directory with a SQLite catalog and a warehouse."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.settings = {
            "catalog": {
                "name": "lake",
                "uri": str(self.directory / "catalog.db"),
                "warehouse": str(self.directory / "warehouse"),
            }
        }

    def open(self, **further):
        return icesink.open(self.settings, **further)

    def pyiceberg(self):
        from pyiceberg.catalog.sql import SqlCatalog

        return SqlCatalog(
            "lake", uri=f"sqlite:///{self.directory}/catalog.db", warehouse=f"file://{self.directory}/warehouse"
        )

    def read(self, name):
        """All rows as PyIceberg reads them."""
        return self.pyiceberg().load_table(name).scan().to_arrow()

    def duckdb(self, name, select="*"):
        """Rows as DuckDB reads them."""
        import duckdb
        import duckdb_extensions

        connection = duckdb.connect()
        for extension in ("avro", "iceberg"):
            duckdb_extensions.import_extension(extension, con=connection)
            connection.execute(f"load {extension}")
        connection.execute("set timezone = 'UTC'")
        location = self.pyiceberg().load_table(name).metadata_location[len("file://") :]
        return connection.execute(f"select {select} from iceberg_scan('{location}')").fetchall()


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


@pytest.fixture
def catalog(lake):
    with lake.open() as opened:
        opened.create_namespace("db")
        yield opened
