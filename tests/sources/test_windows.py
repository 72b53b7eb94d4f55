"""Windows: whatever the org serves, late, at once or in pieces, is there exactly once."""

import re
from datetime import timedelta

import pytest

from collector import clock
from collector.demo import Behaviour, Fault, Store
from collector.demo.faults import daily_limit, expired_session, maintenance, query_timeout, refused
from collector.salesforce.soql import literal
from fakes.bench import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    OrgClock,
    api_event,
    audit,
    collecting,
    now,
    serving,
    uids,
)

BIG = {"stored_events": {"objects": ["ApiEvent"], "overlap": "0s"}}
TRAIL = {"setup_audit_trail": {"overlap": "0s"}}
PASS = Fault(path="FROM ApiEvent")


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def org(store):
    with serving(store=store) as served:
        yield served


def windows(bench, name="ApiEvent", status=200):
    """The windows that were asked for and answered so, as they stood in the queries."""
    return [
        tuple(re.findall(r"[<>]=? (\S+Z)", visit.query))
        for visit in bench.org.journal
        if f"FROM {name} " in visit.query and visit.status == status
    ]


@pytest.mark.parametrize(
    "kind",
    [
        ("ApiEvent", "stored_events", api_event, BIG),
        ("SetupAuditTrail", "setup_audit_trail", audit, TRAIL),
    ],
    ids=lambda kind: kind[0],
)
def test_rows_on_the_boundary_of_two_windows_are_neither_lost_nor_doubled(
    store, org, tmp_path, kind
):
    name, source, make, sources = kind
    start = now() - 12 * HOUR
    boundary = start + 6 * HOUR
    before = [make(1, start - MILLISECOND), make(2, start)]
    times = [MILLISECOND, MILLISECOND, 6 * HOUR, 6 * HOUR, 6 * HOUR + MILLISECOND, 8 * HOUR]
    rows = [make(10 + n, start + after) for n, after in enumerate(times)]
    store.add(name, *before, *rows)
    with collecting(tmp_path, org, sources) as bench:
        bench.stand(source, name, start)
        polled = bench.poll()[name]

        assert ("ok", len(rows), 0) == (polled.state, polled.rows, polled.duplicates)
        assert uids(*rows) == bench.stored()
        assert literal(boundary) == windows(bench, name)[0][1] == windows(bench, name)[1][0]


def test_windows_follow_each_other_without_a_gap_up_to_the_present(store, org, tmp_path):
    store.add("ApiEvent", api_event(1, now()))
    with collecting(tmp_path, org, BIG) as bench:
        bench.poll()
        asked = windows(bench)
        cursor = bench.cursor("stored_events", "ApiEvent")

    assert [end for _, end in asked[:-1]] == [start for start, _ in asked[1:]]
    assert asked[-1][1] == literal(cursor.time)
    assert now() - SECOND <= cursor.time


def test_rows_that_become_visible_late_are_found_within_the_overlap_and_once(store, org, tmp_path):
    sources = {"stored_events": {"objects": ["ApiEvent"], "overlap": "10m"}}
    early = [api_event(n, now() - n * MINUTE) for n in range(1, 20)]
    store.add("ApiEvent", *early)
    with collecting(tmp_path, org, sources) as bench:
        bench.poll()
        reached = bench.cursor("stored_events", "ApiEvent").time
        at = reached.replace(microsecond=reached.microsecond // 1000 * 1000)
        late = [api_event(100, at), api_event(101, at), api_event(102, now() - 9 * MINUTE)]
        store.add("ApiEvent", *late, visible=now() - DAY)
        second = bench.poll()["ApiEvent"]
        third = bench.poll()["ApiEvent"]

        assert (3, 0) == (second.rows, third.rows)
        assert second.duplicates > 0
        assert uids(*early, *late) == bench.stored()


def test_a_first_poll_starts_at_the_lookback(store, org, tmp_path):
    old, young = api_event(1, now() - 2 * HOUR - MINUTE), api_event(2, now() - 2 * HOUR + MINUTE)
    store.add("ApiEvent", old, young)
    sources = {"stored_events": {"objects": ["ApiEvent"], "lookback": "2h"}}
    with collecting(tmp_path, org, sources) as bench:
        bench.poll()

        assert uids(young) == bench.stored()


def test_anomalies_are_read_by_when_they_were_written_down(store, org, tmp_path):
    sources = {"stored_events": {"objects": ["ApiAnomalyEventStore"], "overlap": "0s"}}
    identity = {"Id": "0eR000000000001AAA", "EventIdentifier": "anomaly"}
    with collecting(tmp_path, org, sources) as bench:
        bench.stand("stored_events", "ApiAnomalyEventStore", now() - HOUR)
        store.add(
            "ApiAnomalyEventStore",
            {**identity, "EventDate": now() - 3 * DAY, "CreatedDate": now() - MINUTE},
        )
        bench.poll()

        assert ["anomaly"] == bench.stored()


def test_a_row_whose_author_is_unknown_is_kept_like_the_others(store, org, tmp_path):
    user = {"Id": "005000000000001AAA", "Username": "ada@acme.com", "Name": "Ada"}
    store.add("User", user)
    rows = [
        audit(1, now() - HOUR, CreatedById=user["Id"]),
        audit(2, now() - HOUR, CreatedById=None),
    ]
    store.add("SetupAuditTrail", *rows)
    with collecting(tmp_path, org, TRAIL) as bench:
        bench.poll()

        assert uids(*rows) == bench.stored()
        assert ["ada@acme.com", None] == bench.stored("user_name")


# ---- too much for one query


def test_a_query_that_takes_too_long_is_asked_again_in_narrower_windows(store, org, tmp_path):
    rows = [api_event(n, now() - n * HOUR) for n in range(24)]
    store.add("ApiEvent", *rows)
    org.fail(query_timeout("FROM ApiEvent", times=3))
    with collecting(tmp_path, org, BIG) as bench:
        polled = bench.poll()["ApiEvent"]
        asked = windows(bench)

        assert "ok" == polled.state
        assert [end for _, end in asked[:-1]] == [start for start, _ in asked[1:]]
        assert uids(*rows[:-1]) == [uid for uid in bench.stored() if uid != "api-23"]


def test_what_was_too_long_is_halved_and_not_a_width_that_was_never_asked(store, org, tmp_path):
    with collecting(tmp_path, org, BIG) as bench:
        bench.stand("stored_events", "ApiEvent", now() - 8 * MINUTE)
        org.fail(query_timeout("FROM ApiEvent", times=1))
        bench.poll()
        refused_windows, asked = windows(bench, status=400), windows(bench)

    assert 1 == len(refused_windows)
    assert asked[0][0] == refused_windows[0][0]
    assert asked[0][1] < refused_windows[0][1]
    assert literal(now() - 3 * MINUTE) > asked[0][1]


def test_a_query_that_always_takes_too_long_fails_in_words_and_is_not_insisted_on(
    store, org, tmp_path
):
    row = api_event(1, now() - HOUR)
    store.add("ApiEvent", row)
    org.fail(query_timeout("FROM ApiEvent", times=None))
    with collecting(tmp_path, org, BIG) as bench:
        polled = bench.poll()["ApiEvent"]

        assert "failed" == polled.state
        assert "QUERY_TIMEOUT" in polled.reason
        assert bench.cursor("stored_events", "ApiEvent") is None
        assert len(bench.asked("FROM ApiEvent")) < 20

        org.recover()
        assert "ok" == bench.poll()["ApiEvent"].state
        assert uids(row) == bench.stored()


def test_narrow_windows_inside_the_overlap_never_move_the_cursor_back(store, org, tmp_path):
    sources = {"stored_events": {"objects": ["ApiEvent"], "overlap": "1h"}}
    with collecting(tmp_path, org, sources) as bench:
        bench.stand("stored_events", "ApiEvent", now() - MINUTE)
        org.fail(query_timeout("FROM ApiEvent", times=2), PASS, maintenance("FROM ApiEvent", None))
        polled = bench.poll()["ApiEvent"]

        assert ("failed", 1) == (polled.state, len(windows(bench)))
        assert now() - MINUTE == bench.cursor("stored_events", "ApiEvent").time


def test_a_page_without_a_successor_is_no_end_of_a_window(tmp_path):
    """A big object may stop at 2,000 records and say that it is done."""
    store = Store()
    rows = [api_event(n, now() - n * SECOND) for n in range(3000)]
    store.add("ApiEvent", *rows)
    with (
        serving(store=store, behaviour=Behaviour(big_object_locators=False)) as org,
        collecting(tmp_path, org, BIG) as bench,
    ):
        polled = bench.poll()["ApiEvent"]

        assert "ok" == polled.state
        assert uids(*rows) == bench.stored()
        assert 0 == bench.lost()


def test_what_no_narrower_window_can_reach_is_told_once_and_stays_on_record(tmp_path):
    store, moment = Store(), clock.now().replace(microsecond=0) - 30 * SECOND
    flood = [api_event(n, moment + n % 900 * MILLISECOND) for n in range(2500)]
    others = [api_event(9000, moment - 5 * SECOND), api_event(9001, moment + 5 * SECOND)]
    store.add("ApiEvent", *flood, *others)
    sources = {"stored_events": {"objects": ["ApiEvent"], "lookback": "1m", "overlap": "1m"}}
    with (
        serving(store=store, behaviour=Behaviour(big_object_locators=False)) as org,
        collecting(tmp_path, org, sources) as bench,
    ):
        polls = [bench.poll()["ApiEvent"] for _ in range(3)]

        told = [poll for poll in polls if poll.state == "failed"]
        assert "the rest cannot be read" in told[0].reason
        assert 1 <= len(told) <= bench.lost() <= 2, "once for each second that it may lie in"
        stored = bench.stored()
        assert set(uids(*others)) < set(stored), "what lies around it is read"
        assert len(stored) == len(set(stored)) >= 2002
        assert bench.cursor("stored_events", "ApiEvent").time > moment + 5 * SECOND


@pytest.mark.parametrize("count", [2000, 2001])
def test_any_number_of_rows_in_one_second_is_read_where_pages_follow_each_other(
    store, org, tmp_path, count
):
    moment = clock.now() - 30 * SECOND
    rows = [api_event(n, moment + n % 900 * MILLISECOND) for n in range(count)]
    store.add("ApiEvent", *rows)
    sources = {"stored_events": {"objects": ["ApiEvent"], "lookback": "1m"}}
    with collecting(tmp_path, org, sources) as bench:
        bench.poll()

        assert uids(*rows) == bench.stored()


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (expired_session("/query/01g", times=1), "ok"),
        (maintenance("/query/01g", times=1), "ok"),
        (maintenance("/query/01g", times=3), "failed"),
        (Fault(path="/query/01g", cut=500, times=3), "failed"),
        (refused("INVALID_QUERY_LOCATOR", "expired", status=400, path="/query/01g"), "failed"),
        (daily_limit("/query/01g"), "failed"),
    ],
    ids=["401", "503 once", "503", "cut", "locator", "limit"],
)
def test_a_fault_in_the_middle_of_paging_leaves_no_gap(store, org, tmp_path, fault, state):
    rows = [api_event(n, now() - HOUR - n * SECOND) for n in range(2100)]
    store.add("ApiEvent", *rows)
    org.fail(fault)
    with collecting(tmp_path, org, BIG) as bench:
        assert state == bench.poll()["ApiEvent"].state
        assert bench.stored() == (uids(*rows) if state == "ok" else [])
    with collecting(tmp_path, org, BIG) as bench:
        bench.poll()

        assert uids(*rows) == bench.stored()


# ---- clocks


@pytest.mark.parametrize("ahead", [-2 * DAY, 2 * DAY], ids=["behind", "ahead"])
def test_no_stream_stands_beyond_the_present_of_either_clock(tmp_path, ahead):
    """So what happens a moment later is read, whichever of the clocks is wrong."""
    store = Store()
    with (
        serving(store=store, clock=OrgClock(ahead)) as org,
        collecting(tmp_path, org, BIG) as bench,
    ):
        bench.poll()
        reached = bench.cursor("stored_events", "ApiEvent").time
        row = api_event(1, reached + MILLISECOND)
        store.add("ApiEvent", row, visible=now() - 3 * DAY)
        bench.client.skew += SECOND
        bench.poll()

        assert reached < min(now(), now() + ahead) + MINUTE
        assert uids(row) == bench.stored()


def test_a_clock_of_ours_that_was_set_ahead_takes_no_event_from_the_future(tmp_path):
    store = Store()
    with serving(store=store, clock=OrgClock(-DAY)) as org, collecting(tmp_path, org, BIG) as bench:
        bench.poll()
        bench.client.skew = timedelta()  # what an answer from before the jump had said
        bench.poll()
        reached = bench.cursor("stored_events", "ApiEvent").time
        row = api_event(1, reached + MILLISECOND)
        store.add("ApiEvent", row, visible=now() - 2 * DAY)
        bench.client.skew = -DAY + SECOND
        polled = bench.poll()["ApiEvent"]

        assert "ok" == polled.state
        assert reached < now() - DAY + MINUTE
        assert len(bench.asked("FROM ApiEvent")) < 10
        assert uids(row) == bench.stored()


def test_a_clock_of_ours_that_was_set_back_is_told_and_not_taken_for_silence(tmp_path):
    with serving(clock=OrgClock(DAY)) as org, collecting(tmp_path, org, BIG) as bench:
        bench.stand("stored_events", "ApiEvent", now() + DAY)
        polled = bench.poll()["ApiEvent"]

        assert "failed" == polled.state
        assert "set the clock by NTP" in polled.reason
        assert now() + DAY == bench.cursor("stored_events", "ApiEvent").time


def test_a_clock_of_ours_that_was_put_right_is_believed_at_once(store, org, tmp_path):
    with collecting(tmp_path, org, BIG) as bench:
        bench.poll()
        bench.client.skew = -DAY  # our clock was a day ahead when the last answer came
        row = api_event(1, now() + MILLISECOND)
        store.add("ApiEvent", row, visible=now() - DAY)
        bench.stand("stored_events", "ApiEvent", now())

        assert "ok" == bench.poll()["ApiEvent"].state
        assert uids(row) == bench.stored()
