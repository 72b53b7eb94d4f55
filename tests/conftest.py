"""How many examples a law is tried on, and what no test leaves behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("quick", max_examples=20)
settings.register_profile("thorough", max_examples=100)
settings.load_profile(os.environ.get("COLLECTOR_TEST_PROFILE", "quick"))
"""A few by default, all of them where there is time."""


@pytest.fixture(autouse=True)
def default_logging() -> Iterator[None]:
    """Logs as structlog has them: a command that a test has run leaves its level behind."""
    yield
    structlog.reset_defaults()
