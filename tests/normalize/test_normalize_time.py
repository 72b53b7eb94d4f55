"""An event's time is its own, or it says what is wrong with the one that it came with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from normalize.conftest import LOG_TIME, RECEIVED

from collector import normalize
from collector.model import LogFileFacts

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("record", "defect"),
    [
        ({"TIMESTAMP_DERIVED": "2026-03-01T10:00:00Z"}, None),
        ({"TIMESTAMP_DERIVED": "", "TIMESTAMP": "20260301100000.000"}, None),
        ({"TIMESTAMP_DERIVED": "9999-12-31T00:00:00Z", "TIMESTAMP": "20260301100000.000"}, None),
        ({"TIMESTAMP_DERIVED": "31.12.2026 10:00"}, "31.12.2026 10:00"),
        ({"TIMESTAMP_DERIVED": " ", "TIMESTAMP": "\x1b[31m"}, "\x1b[31m"),
        ({"TIMESTAMP_DERIVED": "0001-01-01T00:00:00Z"}, "0001-01-01T00:00:00Z"),
        ({"TIMESTAMP_DERIVED": "9999-12-31T00:00:00Z"}, "9999-12-31T00:00:00Z"),
        ({"TIMESTAMP_DERIVED": "x" * 999}, "x" * 60),
        ({"TIMESTAMP_DERIVED": "", "TIMESTAMP": " "}, "none given"),
        ({"USER_NAME": "ada@example.com"}, "none given"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_time_is_told_with_what_came_for_it(normalizer, record, defect):
    event = normalizer.normalize_record("Login", **record)

    assert event["time_defect"] == defect
    expected = LOG_TIME if defect else datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert event["time"] == expected


@pytest.mark.parametrize(
    ("event_type", "record", "defect"),
    [
        ("ApiEvent", {"EventDate": "soon", "CreatedDate": "2026-03-01T10:00:00.000+0000"}, "soon"),
        (
            "ApiEvent",
            {"EventDate": "9999-12-31", "CreatedDate": "2026-03-01T10:00:00Z"},
            "9999-12-31",
        ),
        ("ApiEvent", {"EventDate": " ", "CreatedDate": "2026-03-01T10:00:00Z"}, "none given"),
        ("ApiEvent", {"EventDate": "2026-03-01T10:00:00Z", "CreatedDate": "soon"}, None),
        ("BulkJobInfo", {"systemModstamp": "x", "createdDate": "2026-03-01T10:00:00Z"}, "x"),
        ("SetupAuditTrail", {"CreatedDate": "2026-03-01T10:00:00.000+0000"}, None),
        ("OauthTokenRemoved", {"ObservedDate": "2026-03-01T10:00:00.000+0000"}, None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_when_its_record_was_made_stands_in_for_an_event_time_and_that_is_told(
    normalizer, event_type, record, defect
):
    """Records of a kind that has no other time have it for their own."""
    event = normalizer.normalize_record(event_type, **record)

    assert (event["time"], event["time_defect"]) == (datetime(2026, 3, 1, 10, tzinfo=UTC), defect)


def read_log_file(normalizer, time):
    """An event of this time in a listed file."""
    columns = ["EVENT_TYPE", "TIMESTAMP_DERIVED"]
    path = normalizer.write_csv(columns, [["Login", time.isoformat()]])
    facts = LogFileFacts(
        file_id="0AT5f000000ABCDEAA",
        log_date=LOG_TIME,
        created_date=RECEIVED,
        interval="hourly",
        sequence=1,
        announced_bytes=1,
    )
    batch = replace(
        normalizer.build_batch("Login", columns, [path]), facts=facts, received=RECEIVED + 90 * DAY
    )
    relation = normalize.build_segment_relation(path, columns)
    select = normalize.build_segment_select(batch=batch, segment=0, relation=relation)
    return normalizer.connection.execute(f"SELECT time, time_defect FROM ({select})").fetchall()


@pytest.mark.parametrize("distance", [-31 * DAY, -DAY, timedelta(), DAY, 3 * DAY])
def test_an_event_of_a_listed_file_lies_near_its_date(normalizer, distance):
    assert [(LOG_TIME + distance, None)] == read_log_file(normalizer, LOG_TIME + distance)


@pytest.mark.parametrize("distance", [-366 * DAY, -32 * DAY, 4 * DAY, 80 * DAY])
def test_one_that_does_not_makes_no_days_of_its_own(normalizer, distance):
    far = LOG_TIME + distance

    assert [(LOG_TIME, far.isoformat())] == read_log_file(normalizer, far)
