"""A state database, and a bench on it with one channel that storms early."""

import pytest

from collector.store.database import open_database
from fakes.delivery_bench import open_delivery_bench


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def bench(database):
    with open_delivery_bench(database, chat={"storm": {"messages": 4}}) as made:
        yield made
