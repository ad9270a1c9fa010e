"""Servers that the tests of one file share."""
import pytest
from services import Broker, Registry


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
