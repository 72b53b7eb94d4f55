"""Polling an org: whatever fails on the way, the next poll has everything, and nothing twice."""

import json

import pytest
from click.testing import CliRunner

from collector import clock
from collector.cli import cli
from collector.demo import ConnectedApp, InjectedFault, OrgBehaviour, OrgStore
from collector.demo.faults import (
    build_concurrency_fault,
    build_daily_limit_fault,
    build_error_fault,
    build_expired_fault,
    build_lost_route_fault,
    build_maintenance_fault,
    build_timeout_fault,
)
from collector.errors import LoginRefusedError, StoppedError
from fakes.polling_bench import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    QUICK_SOURCES,
    SECOND,
    OrgClock,
    build_api_event,
    build_audit_row,
    build_log_file,
    list_event_uids,
    open_polling_bench,
    serve_org,
)

TRIES = 3
"""A request is tried so often before the poll goes on without its answer."""

FILES = [build_log_file(1, NOW - 2 * HOUR), build_log_file(2, NOW - HOUR)]
EVENTS = [build_api_event(n, NOW - 3 * HOUR - n * SECOND) for n in range(3)]
CHANGES = [build_audit_row(n, NOW - 4 * HOUR + n * MINUTE) for n in range(3)]


def filled(files=FILES):
    store = OrgStore()
    store.add_files(files)
    store.add_rows("ApiEvent", *EVENTS)
    store.add_rows("SetupAuditTrail", *CHANGES)
    return store


@pytest.fixture(scope="module")
def busy():
    """An org with everything in it, shared by tests that only read."""
    with serve_org(store=filled()) as org:
        yield org


@pytest.fixture
def org(busy):
    yield busy
    busy.clear_faults()


@pytest.fixture
def small():
    """An org of which a poll takes about a dozen requests."""
    with serve_org(store=filled(FILES[:1])) as served:
        yield served


SMALL = list_event_uids(FILES[0], *EVENTS, *CHANGES)
ALL = list_event_uids(*FILES, *EVENTS, *CHANGES)


# ---- faults


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        build_expired_fault(times=1),
        build_expired_fault("/LogFile", times=1),
        build_maintenance_fault("EventLogFile WHERE", TRIES),
        build_maintenance_fault("EventLogFile/describe", TRIES),
        build_maintenance_fault("/LogFile", TRIES, status=200),
        build_maintenance_fault("FROM SetupAuditTrail", TRIES, status=200),
        build_lost_route_fault("/sobjects?", TRIES),
        InjectedFault(address_pattern="/LogFile", cut_after=100, times=TRIES),
        InjectedFault(address_pattern="FROM ApiEvent", cut_after=1000, times=TRIES),
        build_timeout_fault("FROM"),
        build_daily_limit_fault("/LogFile"),
        build_daily_limit_fault("FROM ApiEvent"),
        build_concurrency_fault("ApiEvent/describe"),
    ],
    ids=lambda fault: f"{fault.status or 'cut'} {fault.address_pattern}",
)
def test_after_any_fault_a_second_poll_has_everything_exactly_once(org, tmp_path, fault):
    org.inject_faults(fault)
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
        bench.poll_sources()
        assert set(bench.list_stored_values()) <= set(ALL)
    org.clear_faults()
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
        assert {"ok"} == {polled.state for polled in bench.poll_sources().values()}
        assert ALL == bench.list_stored_values()


@pytest.mark.slow
def test_whichever_request_of_a_poll_fails_the_next_poll_leaves_no_gap(small, tmp_path):
    with open_polling_bench(tmp_path / "clean", small, QUICK_SOURCES) as bench:
        bench.poll_sources()
        requests = len(small.request_log)
    assert 10 <= requests <= 16
    for index in range(requests):
        if index:
            small.inject_faults(InjectedFault(times=index))
        small.inject_faults(build_maintenance_fault("", TRIES))
        with open_polling_bench(tmp_path / str(index), small, QUICK_SOURCES) as bench:
            first = bench.poll_sources()
            small.clear_faults()
            failed = [polled for polled in first.values() if polled.state == "failed"]
            assert 1 == len(failed) or "login" in failed[0].reason, "nothing else is harmed"
            bench.poll_sources()

            assert SMALL == bench.list_stored_values(), f"request {index} of {requests} failed"


@pytest.mark.slow
def test_an_org_that_is_down_from_any_request_on_is_caught_up_with(small, tmp_path):
    for index in (1, 4, 6, 8, 10):
        small.inject_faults(InjectedFault(times=index), build_maintenance_fault("", None))
        with open_polling_bench(tmp_path / str(index), small, QUICK_SOURCES) as bench:
            bench.poll_sources()
            small.clear_faults()
            bench.poll_sources()

            assert SMALL == bench.list_stored_values(), f"down from request {index} on"


def test_a_token_that_dies_after_every_few_requests_costs_nothing_but_logins(tmp_path):
    with (
        serve_org(store=filled(), behaviour=OrgBehaviour(token_uses=5)) as org,
        open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench,
    ):
        assert {"ok"} == {polled.state for polled in bench.poll_sources().values()}
        assert ALL == bench.list_stored_values()


# ---- one stream's trouble


def test_trouble_with_one_stream_stops_no_other(org, tmp_path):
    org.inject_faults(build_maintenance_fault("FROM ApiEvent", None))
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
        states = {name: polled.state for name, polled in bench.poll_sources().items()}

        assert {"hourly": "ok", "ApiEvent": "failed", "SetupAuditTrail": "ok"} == states
        assert list_event_uids(*FILES, *CHANGES) == bench.list_stored_values()


@pytest.mark.slow
def test_a_batch_that_cannot_be_taken_in_hides_no_later_one_and_is_not_given_up(tmp_path):
    store = OrgStore()
    files = [
        build_log_file(n, NOW - 3 * HOUR + n * HOUR, event_type=name)
        for n, name in enumerate(("URI", "Logout", "Login"))
    ]
    store.add_files(files)
    sources = {"event_log_file": {"settle": "0s"}}
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, sources) as bench:
        obstacle = bench.places.archive.root / "org=acme" / "event_type=Logout"
        obstacle.parent.mkdir(parents=True)
        obstacle.touch()
        polled = bench.poll_sources()["hourly"]

        assert "failed" == polled.state
        assert "Logout" in polled.reason
        assert list_event_uids(files[0], files[2]) == bench.list_stored_values()
        assert files[0].created == bench.read_cursor("event_log_file", "hourly").time

        obstacle.unlink()
        assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(*files) == bench.list_stored_values()


def test_many_troubles_are_told_in_one_bearable_sentence(tmp_path):
    store = OrgStore()
    store.add_files(build_log_file(n, NOW - HOUR) for n in range(7))
    with serve_org(store=store) as org:
        org.inject_faults(build_maintenance_fault("/LogFile", None, status=200))
        with open_polling_bench(tmp_path, org, {"event_log_file": {"settle": "0s"}}) as bench:
            reason = bench.poll_sources()["hourly"].reason

    assert reason.endswith("; and 2 more")
    assert len(reason) <= 1000


@pytest.mark.parametrize("path", ["FROM ApiEvent", "ApiEvent/describe"])
def test_what_is_not_available_any_more_says_what_to_do_and_is_looked_up_anew(org, tmp_path, path):
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
        org.inject_faults(build_error_fault("INVALID_TYPE", "no such thing", status=400, path=path))
        catalogs = len(bench.list_requests("/sobjects?"))
        polled = bench.poll_sources()["ApiEvent"]

        assert "failed" == polled.state
        assert "INVALID_TYPE" in polled.reason
        assert "`collector check` says which permission or licence is missing" in polled.reason
        assert catalogs + 2 == len(bench.list_requests("/sobjects?"))
        assert "ok" == bench.poll_sources()["ApiEvent"].state
        assert catalogs + 2 == len(bench.list_requests("/sobjects?")), "it was looked up already"
        assert ALL == bench.list_stored_values()


def test_what_the_org_does_not_show_is_unavailable_with_what_it_needs(tmp_path):
    missing = frozenset({"ApiEvent", "SetupAuditTrail", "EventLogFile"})
    with (
        serve_org(behaviour=OrgBehaviour(missing=missing)) as org,
        open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench,
    ):
        polled = bench.poll_sources()

    assert {"unavailable"} == {one.state for one in polled.values()}
    assert "View Event Log Files" in polled["event_log_file/*"].reason
    assert "View Real-Time Event Monitoring Data" in polled["ApiEvent"].reason
    assert "View Setup and Configuration" in polled["SetupAuditTrail"].reason


# ---- the whole org


@pytest.mark.parametrize("limit", [build_daily_limit_fault, build_concurrency_fault])
def test_an_org_that_is_out_of_calls_is_left_alone_for_a_while(org, tmp_path, limit):
    org.inject_faults(limit("FROM ApiEvent", times=None))
    sources = {**QUICK_SOURCES, "stored_events": {"objects": ["ApiEvent", "LoginEvent"]}}
    with open_polling_bench(tmp_path, org, sources) as bench:
        polled = bench.poll_sources()
        calls = len(org.request_log)
        again = bench.poll_sources()

        assert ["failed"] * 4 == [one.state for one in polled.values()]
        assert {"SUB"} >= {
            request.method for request in org.request_log if "FROM LoginEvent" in request.query
        }, "only in the call that was refused"
        assert all("REQUEST_LIMIT_EXCEEDED" in one.reason for one in again.values())
        assert calls == len(org.request_log), "nothing more is asked"
        assert [] == bench.poller.list_due_sources(NOW + DAY)


def test_a_login_that_is_refused_is_on_record_until_it_works(tmp_path):
    right = ConnectedApp()
    wrong = ConnectedApp(client_id=right.client_id, client_secret="forgotten")
    with serve_org(store=filled(), application=right) as org:
        with open_polling_bench(tmp_path, org, QUICK_SOURCES, application=wrong) as bench:
            with pytest.raises(LoginRefusedError):
                bench.poller.poll_source(bench.poller.sources[0])
            (state,) = bench.read_poll_states().values()
            assert ("failed", "*") == (state.state, state.stream.name)
            assert "forgotten" not in state.reason
        with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
            bench.poll_sources()
            assert "stored_events/*" not in bench.read_poll_states()
            assert {"ok"} == {poll.state for poll in bench.read_poll_states().values()}


def test_a_login_that_is_refused_in_the_middle_is_told_of_the_stream_at_work(org, tmp_path):
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
        bench.poll_sources()
        org.expire_tokens()
        body = {"error": "invalid_grant", "error_description": "user is inactive"}
        org.inject_faults(
            InjectedFault(address_pattern="/oauth2/token", status=400, body=body, times=None)
        )
        with pytest.raises(LoginRefusedError):
            bench.poller.poll_source(bench.poller.sources[0])

        state = bench.read_poll_states()["stored_events/ApiEvent"]
        assert "failed" == state.state
        assert "inactive" in state.reason


def test_an_org_that_refuses_every_token_is_not_logged_in_to_again_and_again(org, tmp_path):
    org.inject_faults(build_expired_fault())
    logins = len([visit for visit in org.request_log if visit.path.endswith("/token")])
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
        for _ in range(3):
            bench.poll_sources()
        assert 2 >= len(bench.list_requests("/oauth2/token")) - logins
        assert "failed" == bench.read_poll_states()["event_log_file/*"].state
        assert "the next login waits" in bench.read_poll_states()["event_log_file/*"].reason


@pytest.mark.parametrize(
    "reading",
    [3, 13, *(pytest.param(later, marks=pytest.mark.slow) for later in (8, 18))],
)
def test_being_asked_to_end_leaves_nothing_in_doubt(tmp_path, reading):
    clock = OrgClock()
    with serve_org(store=filled(), clock=clock) as org:
        with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
            clock.on_reading = lambda readings: readings == reading and bench.stop.set()
            with pytest.raises(StoppedError):
                bench.poll_sources()
            assert [] == [poll for poll in bench.read_poll_states().values() if poll.state != "ok"]
        with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:
            bench.poll_sources()

            assert ALL == bench.list_stored_values()


# ---- when and how


def test_a_source_is_due_when_its_interval_has_passed(org, tmp_path):
    with open_polling_bench(tmp_path, org, QUICK_SOURCES) as bench:

        def due(at):
            return [source.kind for source in bench.poller.list_due_sources(at)]

        kinds = ["stored_events", "setup_audit_trail", "event_log_file"]
        assert kinds == due(NOW)
        bench.poll_sources()
        now = max(poll.last_attempt for poll in bench.read_poll_states().values())
        assert [] == due(now)
        assert kinds[1:2] == due(now + MINUTE)
        assert kinds[:2] == due(now + 5 * MINUTE)
        assert kinds == due(now + 10 * MINUTE)
        assert kinds == due(now - DAY), "attempts of the future were made by a wrong clock"


def test_status_shows_every_stream_with_its_state_and_reason(tmp_path):
    missing = frozenset({"ApiEvent"})
    with serve_org(store=filled(), behaviour=OrgBehaviour(missing=missing)) as org:
        org.inject_faults(build_maintenance_fault("FROM SetupAuditTrail", None))
        with open_polling_bench(tmp_path / "state", org, QUICK_SOURCES) as bench:
            bench.poll_sources()
        auth = {"flow": "client_credentials", "client_id": "x", "client_secret": "${env:SECRET}"}
        config = tmp_path / "collector.yaml"
        acme = {"name": "acme", "login_url": org.base_url, "auth": auth}
        config.write_text(json.dumps({"state_dir": str(tmp_path / "state"), "orgs": [acme]}))
    arguments = ["status", "-c", str(config), "--json"]
    shown = CliRunner().invoke(cli, arguments, env={"SECRET": "x"})
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    streams = {line["stream"]: line for line in lines if line["kind"] == "stream"}

    assert {"hourly": "ok", "ApiEvent": "unavailable", "SetupAuditTrail": "failed"} == {
        name: line["state"] for name, line in streams.items()
    }
    assert streams["hourly"]["last_success"] is not None
    assert "503" in streams["SetupAuditTrail"]["reason"]


@pytest.mark.slow
def test_a_source_with_a_backlog_gives_way_and_goes_on_with_the_next_poll(tmp_path):
    """After its turn one window of every object is read, so the first ones are asked again soon."""
    store = OrgStore()
    for number, at in enumerate((NOW - 20 * HOUR, NOW - 8 * HOUR, NOW - HOUR)):
        store.add_rows("ApiEvent", build_api_event(number, at))
        store.add_rows("LoginEvent", build_api_event(10 + number, at))
    sources = {"stored_events": {"objects": ["ApiEvent", "LoginEvent"], "lookback": "24h"}}
    with (
        serve_org(store=store) as org,
        open_polling_bench(tmp_path, org, sources) as bench,
    ):
        (source,) = bench.poller.sources
        stored = []
        for _ in range(4):
            polled = bench.poller.poll_source(source, turn_seconds=-1)
            assert ["ok", "ok"] == [one.state for one in polled]
            (due,) = bench.poller.list_due_sources(clock.now())
            assert not due.postponed, "what is behind is due at once"
            stored.append(len(bench.list_stored_values()))

    assert [2, 2, 4, 6] == stored, "six hours of each object, and then the next six"
