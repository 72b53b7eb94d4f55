"""An independent client, simple-salesforce, gets along with the org."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from demo.clients import NOW
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceMalformedRequest

from collector.demo import OrgStore


class PlainHttp(HTTPAdapter):
    """simple-salesforce speaks https only; this takes the s away."""

    def send(self, request, *args, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def salesforce(connect):
    store = OrgStore()
    store.add_rows(
        "ApiEvent",
        *(
            {"EventDate": NOW - timedelta(seconds=number), "EventIdentifier": str(number)}
            for number in range(4500)
        ),
    )
    client = connect(store)
    with requests.Session() as session:
        session.mount("https://", PlainHttp())
        found = Salesforce(
            instance_url=client.org.base_url,
            session_id=client.request_token(),
            version="67.0",
            session=session,
        )
        found.org = client.org
        yield found


def test_it_reads_every_page(salesforce):
    records = salesforce.query_all("SELECT EventIdentifier FROM ApiEvent")["records"]

    assert [record["EventIdentifier"] for record in records] == [str(n) for n in range(4500)]


def test_it_reads_describe_limits_and_usage(salesforce):
    assert salesforce.ApiEvent.describe()["name"] == "ApiEvent"
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 100_000
    assert salesforce.describe()["sobjects"]
    assert salesforce.api_usage["api-usage"].used == salesforce.org.api_calls


def test_it_knows_the_errors(salesforce):
    with pytest.raises(SalesforceMalformedRequest) as refusal:
        salesforce.query("SELECT Nope FROM ApiEvent")
    assert refusal.value.content[0]["errorCode"] == "INVALID_FIELD"

    salesforce.org.expire_tokens()
    with pytest.raises(SalesforceExpiredSession):
        salesforce.query("SELECT Id FROM ApiEvent")
