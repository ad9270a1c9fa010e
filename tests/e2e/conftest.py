"""Servers that the tests of one file share, and the share of the tests that runs."""
import pytest
from lake import TEST_ALL
from services import Broker, Registry


def pytest_configure(config):
    config.addinivalue_line("markers", "test_all: runs in `make test-all` alone")


def pytest_collection_modifyitems(config, items):
    """What belongs to the longer suite is left out of the shorter, not passed by it."""
    left_out = [item for item in items if item.get_closest_marker("test_all") and not TEST_ALL]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    registry = Registry(tmp_path_factory.mktemp("registry"))
    # So that the id of the schema is none that a generator would choose.
    registry.register("filler", '{"type": "record", "name": "Filler", "fields": []}')
    yield registry
    registry.stop()
