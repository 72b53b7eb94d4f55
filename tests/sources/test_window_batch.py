"""Windows of several objects that are asked for with one API call are read as each would alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.demo import OrgBehaviour, OrgStore
from collector.demo.faults import build_error_fault, build_maintenance_fault, build_timeout_fault
from collector.demo.sobjects import SOBJECTS
from collector.sources.stored_events import BIG_OBJECTS, STANDARD_OBJECTS
from fakes.polling_bench import (
    HOUR,
    MINUTE,
    SECOND,
    build_api_event,
    open_polling_bench,
    serve_org,
)
from fakes.start_time import read_start_time

THREATS = [name for name in STANDARD_OBJECTS if name.lower() in SOBJECTS]
EVERY_OBJECT = (*THREATS, *BIG_OBJECTS)
"""The embedded org has all but one, whose fields are not documented."""

ALL_UIDS = sorted(f"api-{number}" for number in range(2 * len(EVERY_OBJECT)))
ALL = {"stored_events": {"lookback": "5h"}}
LOGS = {"event_log_objects": {"lookback": "5h"}}
THREE = {"stored_events": {"objects": ["ApiEvent", "LoginEvent", "UriEvent"], "lookback": "5h"}}


def build_row(number, at):
    return {**build_api_event(number, at), "Id": f"0eR{number:012}AAA"}


@pytest.fixture
def store():
    made = OrgStore()
    for number, name in enumerate(EVERY_OBJECT):
        at = read_start_time() - number * MINUTE
        made.add_rows(name, build_row(2 * number, at), build_row(2 * number + 1, at))
    return made


def list_states(polled):
    return {result.state for name, result in polled.items() if name in EVERY_OBJECT}


def list_requests(org, part):
    return [request for request in org.request_log if part in f"{request.method} {request.path}"]


@pytest.mark.slow
def test_every_object_is_read_completely_and_once_by_five_in_a_call(store, tmp_path):
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, ALL) as bench:
        polled = bench.poll_sources()
        calls = org.api_calls
        again = bench.poll_sources()

        assert {"ok"} == list_states(polled)
        assert ALL_UIDS == bench.list_stored_values()
        assert {0} == {result.rows for result in again.values()}
        assert 4 == org.api_calls - calls, "nineteen objects"


@pytest.mark.slow
def test_every_object_is_read_completely_where_the_org_refuses_to_answer_several(store, tmp_path):
    with (
        serve_org(store=store, behaviour=OrgBehaviour(composite=False)) as org,
        open_polling_bench(tmp_path, org, ALL) as bench,
    ):
        assert {"ok"} == list_states(bench.poll_sources())
        assert ALL_UIDS == bench.list_stored_values()


def test_event_log_objects_are_asked_together_too(tmp_path):
    store = OrgStore()
    for number, name in enumerate(("LoginEventLog", "ApiTotalUsageEventLog")):
        at = read_start_time() - MINUTE
        store.add_rows(
            name, *({"Timestamp": at, "RequestIdentifier": f"{number}-{n}"} for n in (1, 2))
        )
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, LOGS) as bench:
        first = bench.poll_sources()
        calls = org.api_calls
        second = bench.poll_sources()

        assert [2, 2] == [result.rows for result in first.values()]
        assert [0, 0] == [result.rows for result in second.values()]
        assert 1 == org.api_calls - calls


@pytest.mark.slow
def test_streams_that_are_not_due_fill_the_last_call_and_the_others_are_not_asked(store, tmp_path):
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, ALL) as bench:
        bench.poll_sources()
        calls = org.api_calls
        now = max(poll.last_attempt for poll in bench.read_poll_states().values())
        (due,) = bench.poller.list_due_sources(now + MINUTE)
        polled = [
            result.stream.name for result in bench.poller.poll_source(due) if result.state == "ok"
        ]

        assert 2 == org.api_calls - calls
        assert set(THREATS) < set(polled)
        assert 10 == len(polled)
        assert 20 == len(bench.read_poll_states()), "what was not asked stays on record"


def test_an_object_that_takes_too_long_is_narrowed_and_the_others_are_not(store, tmp_path):
    rows = [build_api_event(1_000 + n, read_start_time() - n * 10 * MINUTE) for n in range(24)]
    store.add_rows("LoginEvent", *rows)
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, THREE) as bench:
        org.inject_faults(build_timeout_fault("FROM LoginEvent", times=2))
        polled = bench.poll_sources()

        assert {"ok"} == {result.state for result in polled.values()}
        assert (2, 26, 2) == tuple(
            polled[name].rows for name in ("ApiEvent", "LoginEvent", "UriEvent")
        )
        assert 1 == len(list_requests(org, "/composite"))
        assert 1 == len([r for r in org.request_log if "FROM UriEvent" in r.query])


def test_an_object_that_is_gone_fails_alone(store, tmp_path):
    fault = build_error_fault("INVALID_TYPE", "no such type", status=400, path="FROM LoginEvent")
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, THREE) as bench:
        org.inject_faults(fault)
        polled = bench.poll_sources()

        assert ["ok", "failed", "ok"] == [result.state for result in polled.values()]
        assert "INVALID_TYPE" in polled["LoginEvent"].reason
        assert {"ok"} == {result.state for result in bench.poll_sources().values()}


def test_one_object_that_cannot_be_described_does_not_stop_the_others(store, tmp_path):
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, THREE) as bench:
        org.inject_faults(build_maintenance_fault("LoginEvent/describe", None))
        polled = bench.poll_sources()

        assert ["ok", "failed", "ok"] == [result.state for result in polled.values()]


def test_an_object_that_cannot_be_read_is_asked_alone_until_it_can(store, tmp_path):
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, THREE) as bench:
        org.inject_faults(build_maintenance_fault("FROM ApiEvent", None))
        assert "failed" == bench.poll_sources()["ApiEvent"].state
        together = len(list_requests(org, "SUB"))
        assert "failed" == bench.poll_sources()["ApiEvent"].state
        second = list_requests(org, "SUB")[together:]
        org.clear_faults()
        bench.poll_sources()
        third = list_requests(org, "SUB")[together + len(second) :]
        bench.poll_sources()
        fourth = list_requests(org, "SUB")[together + len(second) + len(third) :]

    assert [3, 2, 2, 3] == [together, len(second), len(third), len(fourth)]


@pytest.mark.slow
def test_a_page_of_a_big_object_without_a_successor_is_no_end_of_a_window(tmp_path):
    store = OrgStore()
    rows = [build_api_event(n, read_start_time() - n * SECOND) for n in range(3_000)]
    store.add_rows("LoginEvent", *rows)
    with (
        serve_org(store=store, behaviour=OrgBehaviour(big_object_locators=False)) as org,
        open_polling_bench(tmp_path, org, THREE) as bench,
    ):
        polled = bench.poll_sources()

        assert (3_000, "ok") == (polled["LoginEvent"].rows, polled["LoginEvent"].state)


def test_a_fault_of_the_common_call_loses_no_row(store, tmp_path):
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, THREE) as bench:
        org.inject_faults(build_maintenance_fault("/composite", None))
        assert {"ok"} == {result.state for result in bench.poll_sources().values()}
        assert 6 == len(bench.list_stored_values())


def test_windows_leave_no_gap_between_what_was_asked_together_and_what_follows(store, tmp_path):
    """The first windows are those of a single read: six hours, then wider, up to the present."""
    start = read_start_time() - 30 * HOUR
    rows = [build_api_event(500 + n, start + n * HOUR) for n in range(1, 30)]
    store.add_rows("UriEvent", *rows)
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, THREE) as bench:
        for name in ("ApiEvent", "LoginEvent", "UriEvent"):
            bench.set_cursor("stored_events", name, start)
        polled = bench.poll_sources()

        assert 31 == polled["UriEvent"].rows
        assert (
            timedelta(seconds=30)
            > read_start_time() - bench.read_cursor("stored_events", "UriEvent").time
        )
