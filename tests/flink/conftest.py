"""One cluster, broker, registry, catalog and object store for all tests of the folder."""

import concurrent.futures
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "bindings/python/tests")]

from catalogs import deployment  # noqa: E402
from cluster import Cluster  # noqa: E402
from pyflink_host import make_jar  # noqa: E402
from services import Broker, Registry, script  # noqa: E402


@pytest.fixture(scope="session")
def services(tmp_path_factory):
    """All servers, started at once: each takes seconds, and most of them to wait."""
    starters = {
        "broker": Broker,
        "registry": started_registry,
        "cluster": lambda directory: Cluster(directory / "flink", make_jar(directory / "jar")),
    }
    directories = {name: tmp_path_factory.mktemp(name) for name in starters}
    stops = [("kafka", directories["broker"]), ("registry", directories["registry"])]
    stops += [("flink", directories["cluster"] / "flink")]
    with concurrent.futures.ThreadPoolExecutor(len(starters)) as pool:
        try:
            pending = {name: pool.submit(starter, directories[name]) for name, starter in starters.items()}
            with deployment("fixture", tmp_path_factory.mktemp("server")) as server:
                yield {"server": server, **{name: future.result() for name, future in pending.items()}}
        finally:
            # Also what did not start to its end.
            concurrent.futures.wait(pending.values())
            for stopped in [pool.submit(script, name, "stop", directory) for name, directory in stops]:
                stopped.result()


def started_registry(directory):
    registry = Registry(directory)
    # So that the id of the schema is none that a generator would choose.
    registry.register("filler", '{"type": "record", "name": "Filler", "fields": []}')
    return registry


@pytest.fixture(scope="session")
def python_package(tmp_path_factory):
    """The Python package as an installed wheel, in a folder of its own."""
    directory = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, ROOT / "bindings/python/make_wheel.py", directory], check=True, timeout=300)
    (wheel,) = directory.glob("*.whl")
    installed = directory / "installed"
    shutil.unpack_archive(wheel, installed, "zip")
    return installed


@pytest.fixture(scope="session")
def broker(services):
    return services["broker"]


@pytest.fixture(scope="session")
def registry(services):
    return services["registry"]


@pytest.fixture(scope="session")
def server(services):
    return services["server"]


@pytest.fixture(scope="session")
def cluster(services):
    return services["cluster"]
