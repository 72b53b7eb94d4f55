"""Polling an org: whatever fails on the way, the next poll has everything, and nothing twice."""

import json

import pytest
from click.testing import CliRunner

from collector.cli import cli
from collector.demo import Application, Behaviour, Fault, Store
from collector.demo.faults import (
    concurrent_limit,
    daily_limit,
    expired_session,
    lost_route,
    maintenance,
    query_timeout,
    refused,
)
from collector.errors import LoginRefused, Stopped
from fakes.bench import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    QUICK,
    SECOND,
    OrgClock,
    api_event,
    audit,
    collecting,
    log_file,
    serving,
    uids,
)

TRIES = 3
"""A request is tried so often before the poll goes on without its answer."""

FILES = [log_file(1, NOW - 2 * HOUR), log_file(2, NOW - HOUR)]
EVENTS = [api_event(n, NOW - 3 * HOUR - n * SECOND) for n in range(3)]
CHANGES = [audit(n, NOW - 4 * HOUR + n * MINUTE) for n in range(3)]


def filled(files=FILES):
    store = Store()
    store.add_files(files)
    store.add("ApiEvent", *EVENTS)
    store.add("SetupAuditTrail", *CHANGES)
    return store


@pytest.fixture(scope="module")
def busy():
    """An org with everything in it, shared by tests that only read."""
    with serving(store=filled()) as org:
        yield org


@pytest.fixture
def org(busy):
    yield busy
    busy.recover()


@pytest.fixture
def small():
    """An org of which a poll takes about a dozen requests."""
    with serving(store=filled(FILES[:1])) as served:
        yield served


SMALL = uids(FILES[0], *EVENTS, *CHANGES)
ALL = uids(*FILES, *EVENTS, *CHANGES)


# ---- faults


@pytest.mark.parametrize(
    "fault",
    [
        expired_session(times=1),
        expired_session("/LogFile", times=1),
        maintenance("EventLogFile WHERE", TRIES),
        maintenance("EventLogFile/describe", TRIES),
        maintenance("/LogFile", TRIES, status=200),
        maintenance("FROM SetupAuditTrail", TRIES, status=200),
        lost_route("/sobjects?", TRIES),
        Fault(path="/LogFile", cut=100, times=TRIES),
        Fault(path="FROM ApiEvent", cut=1000, times=TRIES),
        query_timeout("FROM"),
        daily_limit("/LogFile"),
        daily_limit("FROM ApiEvent"),
        concurrent_limit("ApiEvent/describe"),
    ],
    ids=lambda fault: f"{fault.status or 'cut'} {fault.path}",
)
def test_after_any_fault_a_second_poll_has_everything_exactly_once(org, tmp_path, fault):
    org.fail(fault)
    with collecting(tmp_path, org, QUICK) as bench:
        bench.poll()
        assert set(bench.stored()) <= set(ALL)
    org.recover()
    with collecting(tmp_path, org, QUICK) as bench:
        assert {"ok"} == {polled.state for polled in bench.poll().values()}
        assert ALL == bench.stored()


def test_whichever_request_of_a_poll_fails_the_next_poll_leaves_no_gap(small, tmp_path):
    with collecting(tmp_path / "clean", small, QUICK) as bench:
        bench.poll()
        requests = len(small.journal)
    assert 10 <= requests <= 16
    for index in range(requests):
        if index:
            small.fail(Fault(times=index))
        small.fail(maintenance("", TRIES))
        with collecting(tmp_path / str(index), small, QUICK) as bench:
            first = bench.poll()
            small.recover()
            failed = [polled for polled in first.values() if polled.state == "failed"]
            assert 1 == len(failed) or "login" in failed[0].reason, "nothing else is harmed"
            bench.poll()

            assert SMALL == bench.stored(), f"request {index} of {requests} failed"


def test_an_org_that_is_down_from_any_request_on_is_caught_up_with(small, tmp_path):
    for index in (1, 4, 6, 8, 10):
        small.fail(Fault(times=index), maintenance("", None))
        with collecting(tmp_path / str(index), small, QUICK) as bench:
            bench.poll()
            small.recover()
            bench.poll()

            assert SMALL == bench.stored(), f"down from request {index} on"


def test_a_token_that_dies_after_every_few_requests_costs_nothing_but_logins(tmp_path):
    with (
        serving(store=filled(), behaviour=Behaviour(token_uses=5)) as org,
        collecting(tmp_path, org, QUICK) as bench,
    ):
        assert {"ok"} == {polled.state for polled in bench.poll().values()}
        assert ALL == bench.stored()


# ---- one stream's trouble


def test_trouble_with_one_stream_stops_no_other(org, tmp_path):
    org.fail(maintenance("FROM ApiEvent", None))
    with collecting(tmp_path, org, QUICK) as bench:
        states = {name: polled.state for name, polled in bench.poll().items()}

        assert {"hourly": "ok", "ApiEvent": "failed", "SetupAuditTrail": "ok"} == states
        assert uids(*FILES, *CHANGES) == bench.stored()


def test_a_batch_that_cannot_be_taken_in_hides_no_later_one_and_is_not_given_up(tmp_path):
    store = Store()
    files = [
        log_file(n, NOW - 3 * HOUR + n * HOUR, event_type=name)
        for n, name in enumerate(("URI", "Logout", "Login"))
    ]
    store.add_files(files)
    sources = {"event_log_file": {"settle": "0s"}}
    with serving(store=store) as org, collecting(tmp_path, org, sources) as bench:
        obstacle = bench.places.archive / "org=acme" / "event_type=Logout"
        obstacle.parent.mkdir(parents=True)
        obstacle.touch()
        polled = bench.poll()["hourly"]

        assert "failed" == polled.state
        assert "Logout" in polled.reason
        assert uids(files[0], files[2]) == bench.stored()
        assert files[0].created == bench.cursor("event_log_file", "hourly").time

        obstacle.unlink()
        assert "ok" == bench.poll()["hourly"].state
        assert uids(*files) == bench.stored()


def test_many_troubles_are_told_in_one_bearable_sentence(tmp_path):
    store = Store()
    store.add_files(log_file(n, NOW - HOUR) for n in range(7))
    with serving(store=store) as org:
        org.fail(maintenance("/LogFile", None, status=200))
        with collecting(tmp_path, org, {"event_log_file": {"settle": "0s"}}) as bench:
            reason = bench.poll()["hourly"].reason

    assert reason.endswith("; and 2 more")
    assert len(reason) <= 1000


@pytest.mark.parametrize("path", ["FROM ApiEvent", "ApiEvent/describe"])
def test_what_is_not_available_any_more_says_what_to_do_and_is_looked_up_anew(org, tmp_path, path):
    with collecting(tmp_path, org, QUICK) as bench:
        org.fail(refused("INVALID_TYPE", "no such thing", status=400, path=path))
        catalogs = len(bench.asked("/sobjects?"))
        polled = bench.poll()["ApiEvent"]

        assert "failed" == polled.state
        assert "INVALID_TYPE" in polled.reason
        assert "`collector check` says which permission or licence is missing" in polled.reason
        assert catalogs + 2 == len(bench.asked("/sobjects?"))
        assert "ok" == bench.poll()["ApiEvent"].state
        assert ALL == bench.stored()


def test_what_the_org_does_not_show_is_unavailable_with_what_it_needs(tmp_path):
    missing = frozenset({"ApiEvent", "SetupAuditTrail", "EventLogFile"})
    with (
        serving(behaviour=Behaviour(missing=missing)) as org,
        collecting(tmp_path, org, QUICK) as bench,
    ):
        polled = bench.poll()

    assert {"unavailable"} == {one.state for one in polled.values()}
    assert "View Event Log Files" in polled["event_log_file/*"].reason
    assert "View Real-Time Event Monitoring Data" in polled["ApiEvent"].reason
    assert "View Setup and Configuration" in polled["SetupAuditTrail"].reason


# ---- the whole org


@pytest.mark.parametrize("limit", [daily_limit, concurrent_limit])
def test_an_org_that_is_out_of_calls_is_left_alone_for_a_while(org, tmp_path, limit):
    org.fail(limit("FROM ApiEvent", times=None))
    sources = {**QUICK, "stored_events": {"objects": ["ApiEvent", "LoginEvent"]}}
    with collecting(tmp_path, org, sources) as bench:
        polled = bench.poll()
        calls = len(org.journal)
        again = bench.poll()

        assert ["ok", *["failed"] * 3] == [one.state for one in polled.values()]
        assert [] == bench.asked("FROM LoginEvent")
        assert all("REQUEST_LIMIT_EXCEEDED" in one.reason for one in again.values())
        assert calls == len(org.journal), "nothing more is asked"
        assert [] == bench.poller.due(NOW + DAY)


def test_a_login_that_is_refused_is_on_record_until_it_works(tmp_path):
    right = Application()
    wrong = Application(client_id=right.client_id, client_secret="forgotten")
    with serving(store=filled(), application=right) as org:
        with collecting(tmp_path, org, QUICK, application=wrong) as bench:
            with pytest.raises(LoginRefused):
                bench.poller.poll(bench.poller.sources[0])
            (state,) = bench.states().values()
            assert ("failed", "*") == (state.state, state.stream.name)
            assert "forgotten" not in state.reason
        with collecting(tmp_path, org, QUICK) as bench:
            bench.poll()
            assert "event_log_file/*" not in bench.states()
            assert {"ok"} == {poll.state for poll in bench.states().values()}


def test_a_login_that_is_refused_in_the_middle_is_told_of_the_stream_at_work(org, tmp_path):
    with collecting(tmp_path, org, QUICK) as bench:
        bench.poll()
        org.expire_tokens()
        body = {"error": "invalid_grant", "error_description": "user is inactive"}
        org.fail(Fault(path="/oauth2/token", status=400, body=body, times=None))
        with pytest.raises(LoginRefused):
            bench.poller.poll(bench.poller.sources[2])

        state = bench.states()["setup_audit_trail/SetupAuditTrail"]
        assert "failed" == state.state
        assert "inactive" in state.reason


def test_an_org_that_refuses_every_token_is_not_logged_in_to_again_and_again(org, tmp_path):
    org.fail(expired_session())
    logins = len([visit for visit in org.journal if visit.path.endswith("/token")])
    with collecting(tmp_path, org, QUICK) as bench:
        for _ in range(3):
            bench.poll()
        assert 2 >= len(bench.asked("/oauth2/token")) - logins
        assert "failed" == bench.states()["event_log_file/*"].state
        assert "the next login waits" in bench.states()["event_log_file/*"].reason


@pytest.mark.parametrize("reading", [3, 8, 13, 18])
def test_being_asked_to_end_leaves_nothing_in_doubt(tmp_path, reading):
    clock = OrgClock()
    with serving(store=filled(), clock=clock) as org:
        with collecting(tmp_path, org, QUICK) as bench:
            clock.ring = lambda readings: readings == reading and bench.stop.set()
            with pytest.raises(Stopped):
                bench.poll()
            assert [] == [poll for poll in bench.states().values() if poll.state != "ok"]
        with collecting(tmp_path, org, QUICK) as bench:
            bench.poll()

            assert ALL == bench.stored()


# ---- when and how


def test_a_source_is_due_when_its_interval_has_passed(org, tmp_path):
    with collecting(tmp_path, org, QUICK) as bench:

        def due(at):
            return [source.kind for source in bench.poller.due(at)]

        kinds = ["event_log_file", "stored_events", "setup_audit_trail"]
        assert kinds == due(NOW)
        bench.poll()
        now = max(poll.last_attempt for poll in bench.states().values())
        assert [] == due(now)
        assert kinds[1:] == due(now + MINUTE)
        assert kinds == due(now + 10 * MINUTE)
        assert kinds == due(now - DAY), "attempts of the future were made by a wrong clock"


def test_status_shows_every_stream_with_its_state_and_reason(tmp_path):
    missing = frozenset({"ApiEvent"})
    with serving(store=filled(), behaviour=Behaviour(missing=missing)) as org:
        org.fail(maintenance("FROM SetupAuditTrail", None))
        with collecting(tmp_path / "state", org, QUICK) as bench:
            bench.poll()
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
