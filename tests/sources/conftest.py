"""An org with a clock, and a collector that watches it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from fakes.watched_org import SteppedClock, open_watched_org


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
def watch(tmp_path, clock):
    """Starts an org and a collector with the given sources alone."""
    with ExitStack() as stack:

        def start_org(**options):
            return stack.enter_context(open_watched_org(tmp_path, clock, **options))

        yield start_org
