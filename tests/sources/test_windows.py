"""Windows: whatever the org serves, late, at once or in pieces, is there exactly once."""

import re
from datetime import timedelta

import pytest

from collector import clock
from collector.demo import InjectedFault, OrgBehaviour, OrgStore
from collector.demo.faults import (
    build_daily_limit_fault,
    build_error_fault,
    build_expired_fault,
    build_maintenance_fault,
    build_timeout_fault,
)
from collector.salesforce.soql import render_literal
from fakes.org_simulation import open_simulation
from fakes.polling_bench import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    OrgClock,
    build_api_event,
    build_audit_row,
    list_event_uids,
    open_polling_bench,
    serve_org,
)
from fakes.start_time import read_start_time

BIG = {"stored_events": {"objects": ["ApiEvent"], "overlap": "0s"}}
TRAIL = {"setup_audit_trail": {"overlap": "0s"}}
PASS = InjectedFault(address_pattern="FROM ApiEvent")


@pytest.fixture
def store():
    return OrgStore()


@pytest.fixture
def org(store):
    with serve_org(store=store) as served:
        yield served


def windows(bench, name="ApiEvent", status=200):
    """The windows that were asked for and answered so, as they stood in the queries."""
    return [
        tuple(re.findall(r"[<>]=? (\S+Z)", visit.query))
        for visit in bench.org.request_log
        if f"FROM {name} " in visit.query and visit.status == status
    ]


@pytest.mark.parametrize(
    "kind",
    [
        ("ApiEvent", "stored_events", build_api_event, BIG),
        ("SetupAuditTrail", "setup_audit_trail", build_audit_row, TRAIL),
    ],
    ids=lambda kind: kind[0],
)
def test_rows_on_the_boundary_of_two_windows_are_neither_lost_nor_doubled(
    store, org, tmp_path, kind
):
    name, source, make, sources = kind
    start = read_start_time() - 12 * HOUR
    boundary = start + 6 * HOUR
    before = [make(1, start - MILLISECOND), make(2, start)]
    times = [MILLISECOND, MILLISECOND, 6 * HOUR, 6 * HOUR, 6 * HOUR + MILLISECOND, 8 * HOUR]
    rows = [make(10 + n, start + after) for n, after in enumerate(times)]
    store.add_rows(name, *before, *rows)
    with open_polling_bench(tmp_path, org, sources) as bench:
        bench.set_cursor(source, name, start)
        polled = bench.poll_sources()[name]

        assert ("ok", len(rows), 0) == (polled.state, polled.rows, polled.duplicates)
        assert list_event_uids(*rows) == bench.list_stored_values()
        assert render_literal(boundary) == windows(bench, name)[0][1] == windows(bench, name)[1][0]


def test_windows_follow_each_other_without_a_gap_up_to_the_present(store, org, tmp_path):
    store.add_rows("ApiEvent", build_api_event(1, read_start_time()))
    with open_polling_bench(tmp_path, org, BIG) as bench:
        bench.poll_sources()
        asked = windows(bench)
        cursor = bench.read_cursor("stored_events", "ApiEvent")

    assert [end for _, end in asked[:-1]] == [start for start, _ in asked[1:]]
    assert asked[-1][1] == render_literal(cursor.time)
    assert read_start_time() - SECOND <= cursor.time


def test_rows_that_become_visible_late_are_found_within_the_overlap_and_once(store, org, tmp_path):
    sources = {"stored_events": {"objects": ["ApiEvent"], "overlap": "10m"}}
    early = [build_api_event(n, read_start_time() - n * MINUTE) for n in range(1, 20)]
    store.add_rows("ApiEvent", *early)
    with open_polling_bench(tmp_path, org, sources) as bench:
        bench.poll_sources()
        reached = bench.read_cursor("stored_events", "ApiEvent").time
        at = reached.replace(microsecond=reached.microsecond // 1000 * 1000)
        late = [
            build_api_event(100, at),
            build_api_event(101, at),
            build_api_event(102, read_start_time() - 9 * MINUTE),
        ]
        store.add_rows("ApiEvent", *late, visible_from=read_start_time() - DAY)
        second = bench.poll_sources()["ApiEvent"]
        third = bench.poll_sources()["ApiEvent"]

        assert (3, 0) == (second.rows, third.rows)
        assert second.duplicates > 0
        assert list_event_uids(*early, *late) == bench.list_stored_values()


def test_a_first_poll_starts_at_the_lookback(store, org, tmp_path):
    old, young = (
        build_api_event(1, read_start_time() - 2 * HOUR - MINUTE),
        build_api_event(2, read_start_time() - 2 * HOUR + MINUTE),
    )
    store.add_rows("ApiEvent", old, young)
    sources = {"stored_events": {"objects": ["ApiEvent"], "lookback": "2h"}}
    with open_polling_bench(tmp_path, org, sources) as bench:
        bench.poll_sources()

        assert list_event_uids(young) == bench.list_stored_values()


def test_anomalies_are_read_by_when_they_were_written_down(store, org, tmp_path):
    sources = {"stored_events": {"objects": ["ApiAnomalyEventStore"], "overlap": "0s"}}
    identity = {"Id": "0eR000000000001AAA", "EventIdentifier": "anomaly"}
    with open_polling_bench(tmp_path, org, sources) as bench:
        bench.set_cursor("stored_events", "ApiAnomalyEventStore", read_start_time() - HOUR)
        store.add_rows(
            "ApiAnomalyEventStore",
            {
                **identity,
                "EventDate": read_start_time() - 3 * DAY,
                "CreatedDate": read_start_time() - MINUTE,
            },
        )
        bench.poll_sources()

        assert ["anomaly"] == bench.list_stored_values()


def test_a_row_whose_author_is_unknown_is_kept_like_the_others(store, org, tmp_path):
    user = {"Id": "005000000000001AAA", "Username": "ada@acme.com", "Name": "Ada"}
    store.add_rows("User", user)
    rows = [
        build_audit_row(1, read_start_time() - HOUR, CreatedById=user["Id"]),
        build_audit_row(2, read_start_time() - HOUR, CreatedById=None),
    ]
    store.add_rows("SetupAuditTrail", *rows)
    with open_polling_bench(tmp_path, org, TRAIL) as bench:
        bench.poll_sources()

        assert list_event_uids(*rows) == bench.list_stored_values()
        assert ["ada@acme.com", None] == bench.list_stored_values("user_name")


# ---- too much for one query


def test_a_query_that_takes_too_long_is_asked_again_in_narrower_windows(store, org, tmp_path):
    rows = [build_api_event(n, read_start_time() - n * HOUR) for n in range(24)]
    store.add_rows("ApiEvent", *rows)
    org.inject_faults(build_timeout_fault("FROM ApiEvent", times=3))
    with open_polling_bench(tmp_path, org, BIG) as bench:
        polled = bench.poll_sources()["ApiEvent"]
        asked = windows(bench)

        assert "ok" == polled.state
        assert [end for _, end in asked[:-1]] == [start for start, _ in asked[1:]]
        assert list_event_uids(*rows[:-1]) == [
            uid for uid in bench.list_stored_values() if uid != "api-23"
        ]


def test_what_was_too_long_is_halved_and_not_a_width_that_was_never_asked(store, org, tmp_path):
    with open_polling_bench(tmp_path, org, BIG) as bench:
        bench.set_cursor("stored_events", "ApiEvent", read_start_time() - 8 * MINUTE)
        org.inject_faults(build_timeout_fault("FROM ApiEvent", times=1))
        bench.poll_sources()
        refused_windows, asked = windows(bench, status=400), windows(bench)

    assert 1 == len(refused_windows)
    assert asked[0][0] == refused_windows[0][0]
    assert asked[0][1] < refused_windows[0][1]
    assert render_literal(read_start_time() - 3 * MINUTE) > asked[0][1]


def test_a_query_that_always_takes_too_long_fails_in_words_and_is_not_insisted_on(
    store, org, tmp_path
):
    row = build_api_event(1, read_start_time() - HOUR)
    store.add_rows("ApiEvent", row)
    org.inject_faults(build_timeout_fault("FROM ApiEvent", times=None))
    with open_polling_bench(tmp_path, org, BIG) as bench:
        polled = bench.poll_sources()["ApiEvent"]

        assert "failed" == polled.state
        assert "QUERY_TIMEOUT" in polled.reason
        assert bench.read_cursor("stored_events", "ApiEvent") is None
        assert len(bench.list_requests("FROM ApiEvent")) < 20

        org.clear_faults()
        assert "ok" == bench.poll_sources()["ApiEvent"].state
        assert list_event_uids(row) == bench.list_stored_values()


def test_narrow_windows_inside_the_overlap_never_move_the_cursor_back(store, org, tmp_path):
    sources = {"stored_events": {"objects": ["ApiEvent"], "overlap": "1h"}}
    with open_polling_bench(tmp_path, org, sources) as bench:
        bench.set_cursor("stored_events", "ApiEvent", read_start_time() - MINUTE)
        org.inject_faults(
            build_timeout_fault("FROM ApiEvent", times=2),
            PASS,
            build_maintenance_fault("FROM ApiEvent", None),
        )
        polled = bench.poll_sources()["ApiEvent"]

        assert ("failed", 1) == (polled.state, len(windows(bench)))
        assert read_start_time() - MINUTE == bench.read_cursor("stored_events", "ApiEvent").time


@pytest.mark.slow
def test_a_page_without_a_successor_is_no_end_of_a_window(tmp_path):
    """A big object may stop at 2,000 records and say that it is done."""
    store = OrgStore()
    rows = [build_api_event(n, read_start_time() - n * SECOND) for n in range(3000)]
    store.add_rows("ApiEvent", *rows)
    with (
        serve_org(store=store, behaviour=OrgBehaviour(big_object_locators=False)) as org,
        open_polling_bench(tmp_path, org, BIG) as bench,
    ):
        polled = bench.poll_sources()["ApiEvent"]

        assert "ok" == polled.state
        assert list_event_uids(*rows) == bench.list_stored_values()
        assert 0 == bench.count_lost()


@pytest.mark.slow
def test_what_no_narrower_window_can_reach_is_told_once_and_stays_on_record(tmp_path):
    store, moment = OrgStore(), clock.now().replace(microsecond=0) - 8 * SECOND
    # Of one millisecond, since windows end anywhere in a second: none of them parts the flood.
    flood = [build_api_event(n, moment) for n in range(2500)]
    others = [
        build_api_event(9000, moment - 5 * SECOND),
        build_api_event(9001, moment + 5 * SECOND),
    ]
    store.add_rows("ApiEvent", *flood, *others)
    sources = {"stored_events": {"objects": ["ApiEvent"], "lookback": "1m", "overlap": "1m"}}
    with (
        serve_org(store=store, behaviour=OrgBehaviour(big_object_locators=False)) as org,
        open_polling_bench(tmp_path, org, sources) as bench,
    ):
        polls = [bench.poll_sources()["ApiEvent"] for _ in range(3)]

        told = [poll for poll in polls if poll.state == "failed"]
        assert "the rest cannot be read" in told[0].reason
        assert 1 <= len(told) <= bench.count_lost() <= 2, "once for each second that it may lie in"
        stored = bench.list_stored_values()
        assert set(list_event_uids(*others)) < set(stored), "what lies around it is read"
        assert len(stored) == len(set(stored)) >= 2002
        assert bench.read_cursor("stored_events", "ApiEvent").time > moment + 5 * SECOND


@pytest.mark.slow
@pytest.mark.parametrize("count", [2000, 2001])
def test_any_number_of_rows_in_one_second_is_read_where_pages_follow_each_other(
    store, org, tmp_path, count
):
    moment = clock.now() - 30 * SECOND
    rows = [build_api_event(n, moment + n % 900 * MILLISECOND) for n in range(count)]
    store.add_rows("ApiEvent", *rows)
    sources = {"stored_events": {"objects": ["ApiEvent"], "lookback": "1m"}}
    with open_polling_bench(tmp_path, org, sources) as bench:
        bench.poll_sources()

        assert list_event_uids(*rows) == bench.list_stored_values()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (build_expired_fault("/query/01g", times=1), "ok"),
        (build_maintenance_fault("/query/01g", times=1), "ok"),
        (build_maintenance_fault("/query/01g", times=3), "failed"),
        (InjectedFault(address_pattern="/query/01g", cut_after=500, times=3), "failed"),
        (
            build_error_fault("INVALID_QUERY_LOCATOR", "expired", status=400, path="/query/01g"),
            "failed",
        ),
        (build_daily_limit_fault("/query/01g"), "failed"),
    ],
    ids=["401", "503 once", "503", "cut", "locator", "limit"],
)
def test_a_fault_in_the_middle_of_paging_leaves_no_gap(store, org, tmp_path, fault, state):
    rows = [build_api_event(n, read_start_time() - HOUR - n * SECOND) for n in range(2100)]
    store.add_rows("ApiEvent", *rows)
    org.inject_faults(fault)
    with open_polling_bench(tmp_path, org, BIG) as bench:
        assert state == bench.poll_sources()["ApiEvent"].state
        assert bench.list_stored_values() == (list_event_uids(*rows) if state == "ok" else [])
    with open_polling_bench(tmp_path, org, BIG) as bench:
        bench.poll_sources()

        assert list_event_uids(*rows) == bench.list_stored_values()


# ---- too long for memory


def build_long_event(number, at, size):
    """A query that says nothing, at length."""
    return {**build_api_event(number, at), "Query": "x,{}" * (size // 4)}


@pytest.mark.slow
def test_queries_that_are_typed_long_to_hide_an_attack_hide_nothing(store, org, tmp_path):
    """700 of 100 kB are 70 MB a page, which nobody holds in memory."""
    start = read_start_time() - 20 * MINUTE
    flood = [build_long_event(n, start + n * SECOND / 2, 100_000) for n in range(700)]
    attack = build_api_event(9000, read_start_time() - MINUTE)
    store.add_rows("ApiEvent", *flood, attack)
    sources = {"stored_events": {"objects": ["ApiEvent"], "overlap": "0s", "lookback": "1h"}}
    with open_polling_bench(tmp_path, org, sources) as bench:
        polled = bench.poll_sources()["ApiEvent"]

        assert ("ok", 701) == (polled.state, polled.rows)
        assert list_event_uids(*flood, attack) == bench.list_stored_values()


@pytest.mark.slow
def test_a_moment_that_is_too_long_is_told_and_what_lies_around_it_is_read(tmp_path):
    """Not even 200 records of 200 kB fit, and SOQL knows no narrower window than a millisecond.

    Behind the moment the windows grow again: nobody's calls go in milliseconds.
    """
    with open_simulation() as at:
        moment = at.time - 1000 * MILLISECOND
        flood = [build_long_event(n, moment, 200_000) for n in range(200)]
        others = [
            build_api_event(9000 + n, moment + lead * MILLISECOND)
            for n, lead in enumerate([-1000, -1, 1, 100])
        ]
        at.org.store.add_rows("ApiEvent", *flood, *others)
        sources = {"stored_events": {"objects": ["ApiEvent"], "lookback": "3s", "overlap": "0s"}}
        with at.open_polling_bench(tmp_path, sources) as bench:
            polled = bench.poll_sources()["ApiEvent"]

            assert len(bench.list_requests("FROM ApiEvent")) < 60
            assert "failed" == polled.state
            assert f"{render_literal(moment)} cannot be read" in polled.reason
            assert "longer than 32 MB" in polled.reason
            assert 1 == bench.count_lost()
            assert list_event_uids(*others) == bench.list_stored_values()


# ---- clocks


@pytest.mark.parametrize("ahead", [-2 * DAY, 2 * DAY], ids=["behind", "ahead"])
def test_no_stream_stands_beyond_the_present_of_either_clock(tmp_path, ahead):
    """So what happens a moment later is read, whichever of the clocks is wrong."""
    store = OrgStore()
    with (
        serve_org(store=store, clock=OrgClock(ahead)) as org,
        open_polling_bench(tmp_path, org, BIG) as bench,
    ):
        bench.poll_sources()
        reached = bench.read_cursor("stored_events", "ApiEvent").time
        row = build_api_event(1, reached + MILLISECOND)
        store.add_rows("ApiEvent", row, visible_from=read_start_time() - 3 * DAY)
        bench.client.clock_skew += SECOND
        bench.poll_sources()

        assert reached < min(read_start_time(), read_start_time() + ahead) + MINUTE
        assert list_event_uids(row) == bench.list_stored_values()


def test_a_clock_of_ours_that_was_set_ahead_takes_no_event_from_the_future(tmp_path):
    store = OrgStore()
    with (
        serve_org(store=store, clock=OrgClock(-DAY)) as org,
        open_polling_bench(tmp_path, org, BIG) as bench,
    ):
        bench.poll_sources()
        bench.client.clock_skew = timedelta()  # what an answer from before the jump had said
        bench.poll_sources()
        reached = bench.read_cursor("stored_events", "ApiEvent").time
        row = build_api_event(1, reached + MILLISECOND)
        store.add_rows("ApiEvent", row, visible_from=read_start_time() - 2 * DAY)
        bench.client.clock_skew = -DAY + SECOND
        polled = bench.poll_sources()["ApiEvent"]

        assert "ok" == polled.state
        assert reached < read_start_time() - DAY + MINUTE
        assert len(bench.list_requests("FROM ApiEvent")) < 10
        assert list_event_uids(row) == bench.list_stored_values()


def test_a_clock_of_ours_that_was_set_back_is_told_and_not_taken_for_silence(tmp_path):
    with serve_org(clock=OrgClock(DAY)) as org, open_polling_bench(tmp_path, org, BIG) as bench:
        bench.set_cursor("stored_events", "ApiEvent", read_start_time() + DAY)
        polled = bench.poll_sources()["ApiEvent"]

        assert "failed" == polled.state
        assert "set the clock by NTP" in polled.reason
        assert read_start_time() + DAY == bench.read_cursor("stored_events", "ApiEvent").time


def test_a_clock_of_ours_that_was_put_right_is_believed_at_once(store, org, tmp_path):
    with open_polling_bench(tmp_path, org, BIG) as bench:
        bench.poll_sources()
        bench.client.clock_skew = -DAY  # our clock was a day ahead when the last answer came
        row = build_api_event(1, read_start_time() + MILLISECOND)
        store.add_rows("ApiEvent", row, visible_from=read_start_time() - DAY)
        bench.set_cursor("stored_events", "ApiEvent", read_start_time())

        assert "ok" == bench.poll_sources()["ApiEvent"].state
        assert list_event_uids(row) == bench.list_stored_values()
