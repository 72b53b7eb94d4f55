"""A file that cannot be fetched is asked for later each time, up to a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.model import FetchHistory
from collector.sources import fetch_retries

START = datetime(2026, 10, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def poll_for(length, *, every=10 * MINUTE, failures=0):
    """When a file that always fails is asked for, polled so often."""
    history = FetchHistory(failures=failures, reason="", first_listed=START, last_listed=START)
    attempts, now = [], START
    while now < START + length:
        if fetch_retries.is_attempt_due(history, now):
            attempts.append(now - START)
            history = replace(history, failures=history.failures + 1)
        history = replace(history, last_listed=now)
        now += every
    return attempts


def test_the_distance_doubles_up_to_a_day():
    minutes = [0, 10, 20, 30, 70, 150, 310, 630, 1270, 2550, 2550 + 1440, 2550 + 2880]
    assert [offset // MINUTE for offset in poll_for(4 * DAY)] == minutes


@pytest.mark.parametrize("every", [2 * MINUTE, 60 * MINUTE])
def test_ten_days_cost_few_attempts_however_often_it_is_polled(every):
    assert 16 <= len(poll_for(10 * DAY, every=every)) < 20


def test_what_was_tried_at_every_poll_for_weeks_is_tried_daily():
    attempts = poll_for(10 * DAY, failures=4_000)
    assert 14 <= len(attempts) < 20


def test_it_says_when_the_next_attempt_is_due():
    history = FetchHistory(failures=3, reason="", first_listed=START, last_listed=START)
    asked = [START, START + 15 * MINUTE, START + DAY, START + 5 * DAY]
    due = [fetch_retries.compute_next_attempt(history, now) for now in asked]

    assert [(time - START) // MINUTE for time in due] == [10, 30, 2550, 2550 + 4 * 1440]
    assert all(
        fetch_retries.is_attempt_due(replace(history, last_listed=now), time)
        for now, time in zip(asked, due, strict=True)
    )
