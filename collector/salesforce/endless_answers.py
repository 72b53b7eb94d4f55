"""Objects and lists whose answers had no end: left alone for longer each time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector import clock
from collector.errors import UnreachableError

FREE_ATTEMPTS = 4
"""So many answers without an end in a row cost no pause: in that time windows become as narrow as
can be, from hours to a second."""

FIRST_PAUSE, LAST_PAUSE = timedelta(minutes=10), timedelta(hours=6)
"""How long an object is left alone after a further one; each doubles it."""

_OBJECT_PATTERN = re.compile(r"\bFROM (\w+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Streak:
    """Answers without an end in a row, and until when nothing more is asked for."""

    count: int
    pause_end: datetime


class EndlessAnswers:
    """What one org's answers about each object were like. Safe to share between threads.

    `name` is that of an object, or the path of a list that is no query's. An org may serve pages
    for ever, and each of them is an API call. Nothing of this outlives the process: the share of
    API calls bounds what new ones cost.
    """

    def __init__(self, org: str, now: Callable[[], datetime] = clock.now) -> None:
        self._org = org
        self._now = now
        self._lock = threading.Lock()
        self._streaks: dict[str, _Streak] = {}

    def check_object(self, name: str) -> None:
        """Raises UnreachableError while an object is left alone."""
        with self._lock:
            streak = self._streaks.get(name)
        if streak is not None and self._now() < streak.pause_end <= self._now() + LAST_PAUSE:
            raise UnreachableError(
                f"{self._org}: {name}: {streak.count} answers in a row had no end; it is asked for"
                f" again after {streak.pause_end:%Y-%m-%d %H:%M:%S} UTC"
            )

    def record_endless(self, name: str) -> None:
        """Record that an answer about it had not ended when its reading was given up."""
        with self._lock:
            last = self._streaks.get(name)
            count = last.count + 1 if last else 1
            pause_end = self._now() + _compute_pause(count)
            self._streaks[name] = _Streak(count=count, pause_end=pause_end)

    def record_end(self, name: str) -> None:
        """Record that an answer about it was read to its end."""
        with self._lock:
            self._streaks.pop(name, None)


def _compute_pause(count: int) -> timedelta:
    if count <= FREE_ATTEMPTS:
        return timedelta()
    return min(FIRST_PAUSE * (1 << min(count - FREE_ATTEMPTS - 1, 16)), LAST_PAUSE)


def find_object(soql: str) -> str:
    """The name of the object that a query of ours asks about."""
    match = _OBJECT_PATTERN.search(soql)
    return match[1] if match else ""
