"""Every test of a source has a present of its own, however long the tests before it took."""

import pytest

from fakes.bench import Present


@pytest.fixture(autouse=True)
def present():
    Present.begin()
