"""Counts API calls by what they are made for, in whichever thread each is made."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

DOWNLOADS = "downloads"
CATCH_UP = "catch_up"
BACKFILL = "backfill"
DESCRIPTIONS = "descriptions"
SIDE_ACTIVITIES = frozenset({DOWNLOADS, CATCH_UP, BACKFILL, DESCRIPTIONS})
"""What is not done again by every poll: files, what an outage has left, the past, describes."""

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPurpose:
    """What an API call is made for.

    Attributes:
        source: the kind of source; empty for what no source asks for.
        activity: one of SIDE_ACTIVITIES, or the group of streams that is polled, which is empty
            where all of the source is one group.
    """

    source: str = ""
    activity: str = ""


_present_purpose: ContextVar[CallPurpose] = ContextVar("call_purpose", default=CallPurpose())  # noqa: B039 - frozen


class CallCounter:
    """The API calls of one org that nobody has taken over yet. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[CallPurpose] = Counter()

    def record_call(self) -> None:
        """Count a call for what this thread is at."""
        with self._lock:
            self._counts[_present_purpose.get()] += 1

    def take_counts(self) -> Mapping[CallPurpose, int]:
        """The calls since the last time, each of which is handed out once."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return counts


@contextmanager
def assign_calls(purpose: CallPurpose) -> Iterator[None]:
    """Count the calls that this thread makes inside for that purpose."""
    token = _present_purpose.set(purpose)
    try:
        yield
    finally:
        _present_purpose.reset(token)


@contextmanager
def assign_activity(activity: str) -> Iterator[None]:
    """Count the calls inside as that activity of the same source; a backfill's stay a backfill's.

    Not to be held over a `yield`: between two steps of a generator its caller makes calls, too.
    """
    purpose = _present_purpose.get()
    kept = purpose.activity if purpose.activity == BACKFILL else activity
    with assign_calls(replace(purpose, activity=kept)):
        yield


def carry_purpose(function: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    """The function, for one call in another thread, which counts for what this thread is at."""
    context = copy_context()

    def call_with_purpose(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        return context.run(function, *args, **kwargs)

    return call_with_purpose
