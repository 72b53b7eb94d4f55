"""How many examples a law is tried on, when a test began, and what no test leaves behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from fakes.start_time import TimeOrigin

# No test asserts on time: a busy machine draws slowly.
TIMELESS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("quick", TIMELESS, max_examples=12)
settings.register_profile("thorough", TIMELESS, max_examples=40)
settings.load_profile(os.environ.get("COLLECTOR_TEST_PROFILE", "quick"))
"""A few by default, all of them where there is time."""


COSTLY_FIXTURES = frozenset({"polled", "collected"})
"""What takes seconds to set up and is there for the whole session."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who shares a costly fixture runs in one worker: each other one would set it up again."""
    for item in items:
        for name in COSTLY_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(autouse=True)
def present() -> None:
    """What is said to have happened a minute ago did so a minute before this test."""
    TimeOrigin.mark_start()


@pytest.fixture(autouse=True)
def default_logging() -> Iterator[None]:
    """Logs as structlog has them: a command that a test has run leaves its level behind."""
    yield
    structlog.reset_defaults()
