"""Orgs on loopback for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from demo.clients import NOW, Client

from collector.demo import EmbeddedOrg, Store


@pytest.fixture
def connect() -> Iterator[Any]:
    """Starts an org with these options, at noon, and logs in."""
    with ExitStack() as stack:

        def start(store: Store | None = None, **options: Any) -> Client:
            options = {"clock": lambda: NOW, **options}
            org = stack.enter_context(EmbeddedOrg(store or Store(), **options))
            return Client(org, stack.enter_context(httpx.Client(base_url=org.base_url)))

        yield start


@pytest.fixture(scope="module")
def empty() -> Iterator[Client]:
    """A client of an org without data, shared by tests that leave it as they found it."""
    with (
        EmbeddedOrg(Store(), clock=lambda: NOW) as org,
        httpx.Client(base_url=org.base_url) as http,
    ):
        yield Client(org, http)
