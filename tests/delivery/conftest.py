"""A state database, and a bench on it with one channel that storms early."""

import pytest

from fakes import databases
from fakes.delivery_bench import open_delivery_bench


@pytest.fixture
def database(tmp_path):
    with databases.open_test_database("sqlite", tmp_path) as opened:
        yield opened


@pytest.fixture
def bench(database):
    with open_delivery_bench(database, chat={"storm": {"messages": 4}}) as made:
        yield made
