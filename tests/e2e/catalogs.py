"""Real REST catalogs with real object stores, and lakes whose tables are theirs."""
import contextlib
import os
import pathlib
import signal
import time

from broker_lake import BrokerLake
from lake import TOPIC, Lake
from object_store import ObjectStore
from services import script

CONFIG = """\
name: health
source:
  segment: {{directory: kafka, topic: {topic}}}
  decode: {{registry: "file:{directory}/kafka/schemas"}}
pipeline: {{preset: health}}
tables: {{data: health_db.health_data_raw, dead_letters: health_db.health_data_errors, create: true}}
catalog: {{type: rest, uri: "{uri}", warehouse: "{warehouse}"{catalog}}}
{store}commit: {{interval: {interval}}}
write: {write}
memory: {memory}
workers: {workers}
http: "off"
"""
STORE = 'store: {{s3: {{endpoint: "{endpoint}", access_key: {key}, secret_key: {secret}}}}}\n'


class RestFixture:
    """Apache Iceberg's REST catalog for tests: commits of several tables are not one decision."""

    atomic = False

    def __init__(self, directory, warehouse, store=None):
        self.directory = pathlib.Path(directory)
        self.warehouse = warehouse
        self.store = store
        self.start()

    def environment(self):
        return {} if not self.store else {"S3_ENDPOINT": self.store.endpoint, "S3_ACCESS_KEY": self.store.access_key,
                                          "S3_SECRET_KEY": self.store.secret_key}

    def start(self):
        self.uri = script("rest_fixture", "start", self.directory, self.warehouse, **self.environment())

    def stop(self):
        script("rest_fixture", "stop", self.directory)

    def kill(self):
        script("rest_fixture", "kill", self.directory)

    def sleep(self, seconds, sleeper):
        """Answer nobody for a while."""
        pid = int((self.directory / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        sleeper(seconds)
        os.kill(pid, signal.SIGCONT)


class Nessie(RestFixture):
    """Nessie: commits of several tables are one decision. It forgets everything when it stops."""

    atomic = True

    def start(self):
        self.uri = script("nessie", "start", self.directory, self.warehouse, **self.environment())

    def stop(self):
        script("nessie", "stop", self.directory)


class RestTables:
    """Of a lake: tables that are a REST catalog's."""

    def catalog(self):
        from pyiceberg.catalog.rest import RestCatalog
        # Small objects in one request each: pyarrow's own client makes uploads in parts of them, of which versitygw now and then
        # cannot parse the last request.
        more = {} if not self.store else {"py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
                                          "s3.endpoint": self.store.endpoint, "s3.path-style-access": "true",
                                          "s3.access-key-id": self.store.access_key,
                                          "s3.secret-access-key": self.store.secret_key, "s3.region": "us-east-1"}
        return RestCatalog("rest", uri=self.server.uri, warehouse=self.server.warehouse, **more)


class RestLake(RestTables, Lake):
    """A topic on disk, and tables of a REST catalog."""

    def __init__(self, directory, server, uri=None, endpoint=None, **options):
        self.server = server
        self.store = store = server.store
        self.uri = uri or server.uri
        self.endpoint = endpoint or (store and store.endpoint)
        pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
        super().__init__(directory, **options)

    def configure(self, interval="1s", memory="128MB", workers=0, write="{}", catalog="", store=None):
        if store is None:
            store = STORE.format(endpoint=self.endpoint, key=self.store.access_key,
                                 secret=self.store.secret_key) if self.store else ""
        text = CONFIG.format(topic=TOPIC, directory=self.directory, interval=interval, memory=memory, workers=workers,
                             write=write, uri=self.uri, warehouse=self.server.warehouse, catalog=catalog, store=store)
        (self.directory / "icesink.yaml").write_text(text)

    def wait_for_rows(self, seconds=30):
        """Until the data table has all rows of the topic."""
        expected = len(self.expected()[0])
        end = time.monotonic() + seconds
        while self.count_rows() != expected:
            assert time.monotonic() < end, f"{self.count_rows()} rows of {expected}"
            time.sleep(0.05)

    def count_rows(self):
        from pyiceberg.exceptions import NoSuchTableError
        try:
            return self.table("health_data_raw").scan(selected_fields=("sample_id",)).count()
        except NoSuchTableError:
            return 0


def tables_of(server):
    """A configuration's lines about a REST catalog and its store, for BrokerLake."""
    store = STORE.format(endpoint=server.store.endpoint, key=server.store.access_key, secret=server.store.secret_key)
    return f'catalog: {{type: rest, uri: "{server.uri}", warehouse: "{server.warehouse}"}}\n{store}'.rstrip()


class RestBrokerLake(RestTables, BrokerLake):
    """A topic at a broker, tables in a REST catalog."""

    def __init__(self, directory, server, *arguments, **options):
        self.server = server
        self.store = server.store
        self.tables = tables_of(server)
        super().__init__(directory, *arguments, **options)


@contextlib.contextmanager
def deployment(kind, directory, *store_mode):
    """A catalog with its object store: nessie, fixture (with S3) or fixture-files (with a directory)."""
    directory = pathlib.Path(directory)
    store = None
    if kind == "fixture-files":
        server = RestFixture(directory / "catalog", f"file://{directory}/warehouse")
    else:
        store = ObjectStore(directory / "store", "versitygw", *store_mode)
        store.create_bucket("data-lake")
        server = {"nessie": Nessie, "fixture": RestFixture}[kind](directory / "catalog", "s3://data-lake/warehouse", store)
    try:
        yield server
    finally:
        server.stop()
        if store:
            store.stop()
