"""When a file that could not be fetched is asked for again: later each time, up to a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from collector.model import FetchHistory

AT_ONCE_ATTEMPTS = 2
"""So many polls in a row ask for it: most of what fails has come right by the next one."""

FIRST_DISTANCE, LAST_DISTANCE = timedelta(minutes=10), timedelta(days=1)
"""How long after the first listing the next attempt is made; each distance is twice the last one,
so that a file that comes right is late by no more than it was."""


def is_attempt_due(history: FetchHistory, now: datetime) -> bool:
    """Whether a file is to be asked for.

    What earlier versions have tried at every poll may have more failures than its age allows: it is
    asked for by the first poll after a time that is due.
    """
    due_count = _count_due_attempts(now - history.first_listed)
    last_count = _count_due_attempts(history.last_listed - history.first_listed)
    return history.failures < due_count or last_count < due_count


def compute_next_attempt(history: FetchHistory, now: datetime) -> datetime:
    """The next time that is due after now."""
    return history.first_listed + _find_next_offset(now - history.first_listed)


def _count_due_attempts(age: timedelta) -> int:
    """How often a file is to have been asked for at that age."""
    count, offset, distance = AT_ONCE_ATTEMPTS, FIRST_DISTANCE, FIRST_DISTANCE
    while distance < LAST_DISTANCE and offset <= age:
        distance = min(2 * distance, LAST_DISTANCE)
        count, offset = count + 1, offset + distance
    return count + max(0, (age - offset) // LAST_DISTANCE + 1)


def _find_next_offset(age: timedelta) -> timedelta:
    offset, distance = FIRST_DISTANCE, FIRST_DISTANCE
    while distance < LAST_DISTANCE and offset <= age:
        distance = min(2 * distance, LAST_DISTANCE)
        offset += distance
    return offset + max(0, (age - offset) // LAST_DISTANCE + 1) * LAST_DISTANCE
