"""A and then no B: told once it is past, once, and taken back by what comes late."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from collector.detect.loader import load_rule_set
from collector.model import AlertStatus
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import awaited_absences
from collector.store.awaited_absences import AbsenceHorizon
from fakes.absence_rules import FAILED_AND_EXPORT
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = "005000000000001AAA"

RULES = (
    FAILED_AND_EXPORT
    + """---
title: A failed login and then no export
id: 00000000-0000-4000-8000-000000000003
name: given-up
level: high
correlation:
  type: KIND
  rules: [failed, export]
  group-by: [user_id]
  timespan: 1h
  condition: failed and not export
collector: {title: "{user_id} gave up from {window_start} to {window_end}"}
"""
)


@pytest.fixture
def open_bench(tmp_path):
    @contextmanager
    def open_with(kind="temporal_ordered", rules=RULES):
        path = tmp_path / "rules.yml"
        path.write_text(rules.replace("KIND", kind), encoding="utf-8")
        loaded = load_rule_set([path], schema=EVENT_SCHEMA)
        with open_pipeline_bench(tmp_path, rules=loaded) as bench:
            yield bench

    return open_with


def at(minutes):
    return f"{NOON + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}.000Z"


def fail(bench, minutes, key="", user=ADA):
    row = build_login_row(
        TIMESTAMP_DERIVED=at(minutes), USER_ID=user, LOGIN_STATUS="LOGIN_ERROR_INVALID_PASSWORD"
    )
    key = f"login{minutes}{key}"
    bench.pipeline.ingest(bench.write_batch("Login", [row], key=key, record_prefix=key))


def export(bench, minutes, user=ADA):
    key = f"export{minutes}"
    row = build_bulk_row(f"750{key}", 5, TIMESTAMP_DERIVED=at(minutes), USER_ID=user)
    bench.pipeline.ingest(bench.write_batch("BulkApi2", [row], key=key, record_prefix=key))


def know(bench, minutes, unread=()):
    """Let everything be known that happened until then."""
    horizon = AbsenceHorizon(until=NOON + timedelta(minutes=minutes), unread=dict(unread))
    return bench.pipeline.absences.settle_org("acme", lambda *_: horizon)


def told(bench):
    return [
        ((alert.first_time - NOON) // timedelta(minutes=1), alert.count, str(alert.status))
        for alert in sorted(bench.list_alerts(), key=lambda alert: alert.first_time)
        if alert.rule == "given-up"
    ]


def test_it_is_told_once_and_not_before_it_is_past(open_bench):
    with open_bench() as bench:
        fail(bench, 0)
        assert know(bench, 59) == []
        assert told(bench) == []

        (alert,) = know(bench, 60)
        assert told(bench) == [(0, 1, "open")]
        assert alert.title == (
            f"{ADA} gave up from 2026-03-01 12:00:00 UTC to 2026-03-01 13:00:00 UTC"
        )
        assert alert.context[0]["rules"] == ["failed"]
        assert alert.context[0]["absent"] == ["export"]
        assert know(bench, 60) == know(bench, 200) == []
        assert told(bench) == [(0, 1, "open")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "minutes", "is_told"),
    [
        ("temporal_ordered", -1, True),
        ("temporal_ordered", 0, False),
        ("temporal_ordered", 60, False),
        ("temporal_ordered", 61, True),
        ("temporal", -60, False),
        ("temporal", -61, True),
        ("temporal", 30, False),
    ],
)
def test_what_comes_within_the_window_keeps_it_from_being_told(open_bench, kind, minutes, is_told):
    with open_bench(kind) as bench:
        fail(bench, 0)
        export(bench, minutes)
        know(bench, 600)

        assert bool(told(bench)) == is_told


@pytest.mark.slow
def test_an_export_of_another_user_says_nothing(open_bench):
    with open_bench() as bench:
        fail(bench, 0)
        export(bench, 10, user="005000000000002AAA")
        know(bench, 60)

        assert told(bench) == [(0, 1, "open")]


@pytest.mark.slow
def test_what_comes_late_takes_it_back_and_what_begins_late_is_told_at_once(open_bench):
    with open_bench() as bench:
        fail(bench, 0)
        know(bench, 300)
        assert told(bench) == [(0, 1, "open")]

        export(bench, 30)
        assert told(bench) == [(0, 1, "withdrawn")]
        assert "What had not come has come late." in {each.reason for each in bench.list_alerts()}

        fail(bench, 100)
        assert told(bench) == [(0, 1, "withdrawn"), (100, 1, "open")]
        fail(bench, 250)  # which is not past
        assert told(bench) == [(0, 1, "withdrawn"), (100, 1, "open")]


@pytest.mark.slow
def test_a_rule_that_is_new_says_nothing_of_windows_that_were_past(open_bench, tmp_path):
    with open_bench(rules=FAILED_AND_EXPORT) as bench:
        fail(bench, 0)
        fail(bench, 100)
        path = tmp_path / "rules.yml"
        path.write_text(RULES.replace("KIND", "temporal"), encoding="utf-8")
        bench.pipeline.set_rules(load_rule_set([path], schema=EVENT_SCHEMA))
        know(bench, 600)

        assert told(bench) == [(100, 1, "open")]


@pytest.mark.slow
def test_a_rule_that_is_new_believes_nobody_before_streams_were_asked(open_bench, tmp_path):
    """The newest event may be of a stream that is read further than others."""
    with open_bench(rules=FAILED_AND_EXPORT) as bench:
        fail(bench, 300)
        path = tmp_path / "rules.yml"
        path.write_text(RULES.replace("KIND", "temporal"), encoding="utf-8")
        bench.pipeline.set_rules(load_rule_set([path], schema=EVENT_SCHEMA))
        fail(bench, 100)
        know(bench, 150)
        fail(bench, 110)
        assert told(bench) == []

        know(bench, 165)
        assert told(bench) == [(100, 2, "open")]  # the other one is in this window


@pytest.mark.slow
def test_of_a_rule_that_is_gone_nothing_is_kept(open_bench):
    with open_bench() as bench:
        fail(bench, 0)
        with bench.database.read() as connection:
            assert awaited_absences.read_horizons(connection, "acme").keys() == {"given-up"}
        bench.pipeline.set_rules(load_rule_set([], schema=EVENT_SCHEMA))
        bench.pipeline.absences.settle_read_streams({})

        with bench.database.read() as connection:
            assert awaited_absences.read_horizons(connection, "acme") == {}


@pytest.mark.slow
def test_it_says_what_was_not_read(open_bench):
    with open_bench() as bench:
        fail(bench, 0)
        unread = {"event_log_file/hourly": NOON, "stored_events/ApiEvent": NOON + 2 * HOUR}
        (alert,) = know(bench, 90, unread)

        assert alert.context[0]["unread"] == {"event_log_file/hourly": NOON.isoformat()}


@pytest.mark.slow
def test_events_that_are_all_there_is_are_past_up_to_the_last_of_them(open_bench):
    with open_bench() as bench:
        fail(bench, 0)
        fail(bench, 90)
        bench.pipeline.absences.settle_given_events("acme")
        assert told(bench) == [(0, 1, "open")]

        bench.pipeline.absences.settle_whole_past("acme")
        assert told(bench) == [(0, 1, "open"), (90, 1, "open")]
        assert {alert.status for alert in bench.list_alerts()} == {AlertStatus.OPEN}
        assert bench.pipeline.absences.settle_whole_past("acme") == []
