"""The only place that asks for the time or sleeps. Times are aware and in UTC."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_TIME = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_TIME = datetime(2100, 1, 1, tzinfo=UTC)
"""What Salesforce logs lies between these two: other times are mistakes, or were made to harm."""

FUTURE_TOLERANCE = timedelta(days=2)
"""How far a time may lie ahead of ours: clocks are off, and zones are mistaken for UTC."""

MICROSECOND = timedelta(microseconds=1)
DAY_MICROS = timedelta(days=1) // MICROSECOND


def _read_system_time() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _TimeSource:
    """Where the time of this process comes from."""

    read_time: Callable[[], datetime]


_time_source = _TimeSource(read_time=_read_system_time)


def now() -> datetime:
    """The present moment, in UTC."""
    return _time_source.read_time()


@contextmanager
def simulate_time(read_time: Callable[[], datetime]) -> Iterator[None]:
    """Let the whole process live in another time inside: hours of polling pass in seconds so.

    What `monotonic` and `wait` say stays as it is.
    """
    before, _time_source.read_time = _time_source.read_time, read_time
    try:
        yield
    finally:
        _time_source.read_time = before


def monotonic() -> float:
    """Seconds on a clock that never jumps; only differences mean anything."""
    return time.monotonic()


def wait(seconds: float, stop_event: threading.Event | None = None) -> bool:
    """Wait, or return early when `stop_event` is set. Returns whether it was."""
    if stop_event is None:
        time.sleep(seconds)
        return False
    return stop_event.wait(seconds)


def floor_to_milliseconds(moment: datetime) -> datetime:
    """The moment without what is finer than a millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exactly."""
    return duration_to_micros(moment - EPOCH)


def duration_to_micros(duration: timedelta) -> int:
    """A duration in whole microseconds."""
    return duration // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The inverse of `to_micros`."""
    return EPOCH + micros * MICROSECOND
