"""An org with a clock, and a present for every test, however long the tests before it took."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from fakes.bench import Present
from fakes.watching import Clock, watching


@pytest.fixture(autouse=True)
def present():
    Present.begin()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(tmp_path, clock):
    """Starts an org and a collector with the given sources alone."""
    with ExitStack() as stack:

        def start(**options):
            return stack.enter_context(watching(tmp_path, clock, **options))

        yield start
