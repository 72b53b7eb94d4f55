"""Orgs on loopback for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from demo.clients import NOW, RestClient

from collector.demo import EmbeddedOrg, OrgStore


@pytest.fixture
def connect() -> Iterator[Any]:
    """Starts an org with these options, at noon, and logs in."""
    with ExitStack() as stack:

        def start_org(store: OrgStore | None = None, **options: Any) -> RestClient:
            options = {"clock": lambda: NOW, **options}
            org = stack.enter_context(EmbeddedOrg(store or OrgStore(), **options))
            return RestClient(org, stack.enter_context(httpx.Client(base_url=org.base_url)))

        yield start_org


@pytest.fixture(scope="module")
def empty() -> Iterator[RestClient]:
    """A client of an org without data, shared by tests that leave it as they found it."""
    with (
        EmbeddedOrg(OrgStore(), clock=lambda: NOW) as org,
        httpx.Client(base_url=org.base_url) as http,
    ):
        yield RestClient(org, http)
