"""Several queries in one API call answer as each would alone, or are asked alone."""

from __future__ import annotations

from contextlib import closing, contextmanager

import pytest

from collector.demo import EmbeddedOrg, InjectedFault, OrgBehaviour, OrgStore
from collector.demo.faults import (
    build_daily_limit_fault,
    build_error_fault,
    build_expired_fault,
    build_maintenance_fault,
    build_timeout_fault,
)
from collector.errors import (
    LimitExceededError,
    NotAvailableError,
    QueryTooWideError,
    UnreachableError,
)
from collector.salesforce.client import SalesforceClient
from collector.salesforce.composite import FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, CompositeGate
from collector.settings import ClientCredentialsAuth, OrgSettings, Secret
from fakes.polling_bench import SECOND, build_api_event
from fakes.start_time import read_start_time

OBJECTS = ("ApiEvent", "LoginEvent", "UriEvent", "ReportEvent", "LogoutEvent")
SOQLS = [f"SELECT EventIdentifier FROM {name} ORDER BY EventDate DESC" for name in OBJECTS]
COMPOSITE = "/composite$|/composite\\?"


@pytest.fixture
def store():
    made = OrgStore()
    for number, name in enumerate(OBJECTS):
        at = read_start_time() - 60 * SECOND
        made.add_rows(name, *(build_api_event(10 * number + n, at) for n in range(number)))
    return made


@contextmanager
def connect(store, *faults, **behaviour):
    with EmbeddedOrg(store, behaviour=OrgBehaviour(**behaviour)) as org:
        auth = ClientCredentialsAuth(
            client_id=org.application.client_id,
            client_secret=Secret(org.application.client_secret),
        )
        settings = OrgSettings(name="acme", login_url=org.base_url, auth=auth)
        with closing(SalesforceClient(settings, retry_pause=(0, 0))) as client:
            org.inject_faults(*faults)
            yield org, client


def read(pages):
    return [record["EventIdentifier"] for page in pages for record in page]


def read_all(client):
    return [sorted(read(pages)) for pages in client.query_several(SOQLS)]


EXPECTED = [[f"api-{10 * number + n}" for n in range(number)] for number in range(len(OBJECTS))]


def list_composites(org):
    return [one for one in org.request_log if one.path.endswith("/composite")]


def test_five_queries_are_one_call_and_find_what_each_would_find_alone(store):
    with connect(store) as (org, client):
        assert EXPECTED == read_all(client)
        assert 1 == org.api_calls
        assert EXPECTED == [sorted(read(client.query(soql))) for soql in SOQLS]


def test_the_further_pages_of_each_are_read_one_by_one(store):
    rows = [build_api_event(1_000 + n, read_start_time() - n * SECOND) for n in range(4_500)]
    store.add_rows("ApiEvent", *rows)
    with connect(store) as (org, client):
        first, *others = read_all(client)

        assert 4_500 == len(set(first)) == len(first)
        assert EXPECTED[1:] == others
        assert 3 == org.api_calls


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (build_timeout_fault("FROM LoginEvent"), QueryTooWideError),
        (
            build_error_fault("INVALID_TYPE", "no such type", status=400, path="FROM LoginEvent"),
            NotAvailableError,
        ),
        (
            build_error_fault(
                "INVALID_FIELD", "no such column", status=400, path="FROM LoginEvent"
            ),
            NotAvailableError,
        ),
        (build_daily_limit_fault("FROM LoginEvent"), LimitExceededError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_with_one_query_is_raised_by_it_alone(store, fault, error):
    with connect(store, fault) as (org, client):
        first, bad, *others = client.query_several(SOQLS)

        with pytest.raises(error, match="acme: query: "):
            read(bad)
        assert [EXPECTED[0], *EXPECTED[2:]] == [sorted(read(pages)) for pages in (first, *others)]
        assert 1 == org.api_calls


@pytest.mark.parametrize(
    "fault",
    [
        build_error_fault("UNKNOWN_EXCEPTION", "id 1", status=500, path="FROM LoginEvent"),
        build_error_fault("INVALID_SESSION_ID", "expired", status=401, path="FROM LoginEvent"),
        build_error_fault("NOT_FOUND", "not inside composite", status=404, path="FROM LoginEvent"),
        InjectedFault(address_pattern="FROM LoginEvent", status=200, body="<html>"),
    ],
    ids=["500", "401", "404", "page"],
)
def test_what_may_be_due_to_the_company_is_asked_alone(store, fault):
    with connect(store, fault) as (org, client):
        assert EXPECTED == read_all(client)
        assert 2 == org.api_calls


@pytest.mark.parametrize(
    "fault",
    [
        build_error_fault("NOT_FOUND", "no", status=404, path=COMPOSITE, times=None),
        build_error_fault("API_DISABLED_FOR_ORG", "no", status=403, path=COMPOSITE, times=None),
        build_error_fault("METHOD_NOT_ALLOWED", "no", status=405, path=COMPOSITE, times=None),
        build_maintenance_fault(COMPOSITE, None, status=404),
        build_maintenance_fault(COMPOSITE, None, status=403),
        build_maintenance_fault(COMPOSITE, None, status=200),
        InjectedFault(address_pattern=COMPOSITE, status=200, body={"results": ""}, times=None),
        InjectedFault(address_pattern=COMPOSITE, cut_after=50, times=None),
    ],
    ids=["404", "403", "405", "404 page", "403 page", "200 page", "other JSON", "cut"],
)
def test_an_org_that_refuses_is_asked_query_by_query_and_remembered(store, fault):
    with connect(store, fault) as (org, client):
        assert 5 == client.queries_per_call
        assert EXPECTED == read_all(client)
        assert 1 == client.queries_per_call
        assert EXPECTED == read_all(client)
        assert 1 == len(list_composites(org))


def test_an_org_without_the_resource_is_read_completely(store):
    with connect(store, composite=False) as (org, client):
        assert EXPECTED == read_all(client)
        assert 1 == len(list_composites(org))


def test_an_answer_that_is_too_long_is_asked_for_query_by_query(store):
    body = b'{"compositeResponse": [' + b" " * (65 << 20) + b"]}"
    fault = InjectedFault(address_pattern=COMPOSITE, status=200, body=body)
    with connect(store, fault) as (_, client):
        assert EXPECTED == read_all(client)


def test_an_expired_token_is_renewed_and_nothing_is_taken_for_a_refusal(store):
    with connect(store, build_expired_fault(COMPOSITE, times=1)) as (org, client):
        assert EXPECTED == read_all(client)
        assert 5 == client.queries_per_call
        assert 2 == len(list_composites(org))


def test_an_org_that_is_out_of_calls_says_so_and_is_not_asked_five_times_more(store):
    with connect(store, build_daily_limit_fault(times=None)) as (org, client):
        with pytest.raises(LimitExceededError):
            client.query_several(SOQLS)
        assert 1 == len([one for one in org.request_log if "/services/data/v" in one.path])


def test_an_org_that_is_down_stays_unreachable(store):
    with connect(store, build_maintenance_fault("/services/data/v", None)) as (_, client):
        for pages in client.query_several(SOQLS):
            with pytest.raises(UnreachableError):
                read(pages)


def test_a_query_alone_is_no_composite(store):
    with connect(store) as (org, client):
        [pages] = client.query_several(SOQLS[:1])
        assert EXPECTED[0] == read(pages)
        assert [] == list_composites(org)


def test_refusals_are_tried_again_ever_more_rarely_until_there_have_been_none_for_a_while():
    seconds = [0.0]
    gate = CompositeGate(lambda: seconds[0])
    pauses = []
    for _ in range(12):
        pauses.append(gate.record_refusal())
        seconds[0] += pauses[-1] - 1
        assert not gate.is_open()
        seconds[0] += 2
        assert gate.is_open()

    assert [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS] == pauses[:2]
    assert LAST_PAUSE_SECONDS == pauses[-1]
    seconds[0] += LAST_PAUSE_SECONDS
    assert FIRST_PAUSE_SECONDS == gate.record_refusal()
