"""A fake org and a client of it, both closed at the end."""

from __future__ import annotations

import pytest

from collector.salesforce.client import SalesforceClient
from fakes.salesforce import FakeSalesforce, build_jwt_org

NO_PAUSE = (0.0, 0.0)


@pytest.fixture
def fake():
    with FakeSalesforce() as server:
        yield server


@pytest.fixture
def client(fake):
    client = SalesforceClient(build_jwt_org(fake), retry_pause=NO_PAUSE)
    yield client
    client.close()
