"""When a reading of an entry makes a new version of it, and from when on that version holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.model import EntryReading, EntryValues, EntryVersion

LOGIN_KEY = "last_login"
LOGIN_STEP = timedelta(days=7)
"""How far the last login must have moved to make a version that says nothing else."""

DELETED_KEY = "is_deleted"

_TICK = timedelta(microseconds=1)
"""What the state's times are told apart by."""


def find_valid_from(
    before: EntryVersion | None, reading: EntryReading, *, read: datetime
) -> datetime | None:
    """From when on the values of a reading hold; None where they are no new version.

    That is when the org says that they changed; where it does not say, or only a login has passed,
    when they were read. A version is never older than the one before it.
    """
    moment = read if reading.changed is None else reading.changed
    if before is None:
        return moment
    if reading.values == before.values:
        return None
    if _is_login_alone(before.values, reading.values):
        if not _has_moved(before.values.get(LOGIN_KEY), reading.values.get(LOGIN_KEY)):
            return None
        # Whoever comes back after a year did not come back until this login was over.
        moment = read
    return max(moment, before.valid_from + _TICK)


def mark_deleted(values: EntryValues) -> EntryValues:
    """The last values of an entry that the org shows no more."""
    return sort_values({**values, DELETED_KEY: True})


def is_deleted(values: EntryValues) -> bool:
    """Whether the org shows the entry no more."""
    return values.get(DELETED_KEY) is True


def sort_values(values: EntryValues) -> EntryValues:
    """The same values, their keys in order, and none that is unknown."""
    return {key: values[key] for key in sorted(values) if values[key] is not None}


def select_version(versions: Iterable[EntryVersion], at: datetime) -> EntryVersion | None:
    """The version that held at a time, of those of one entry, oldest first."""
    chosen: EntryVersion | None = None
    for version in versions:
        if chosen is not None and version.valid_from > at:
            break
        chosen = version
    return chosen


def _is_login_alone(before: EntryValues, after: EntryValues) -> bool:
    def leave_login(values: EntryValues) -> dict[str, Any]:
        return {key: value for key, value in values.items() if key != LOGIN_KEY}

    return leave_login(before) == leave_login(after)


def _has_moved(before: object, after: object) -> bool:
    first, second = _parse_time(before), _parse_time(after)
    if first is None or second is None:
        return first is not second
    return abs(second - first) >= LOGIN_STEP


def _parse_time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
