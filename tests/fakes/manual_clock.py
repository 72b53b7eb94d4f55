"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """To be called like `clock.now`."""

    def __init__(self, now: datetime = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance_by(self, length: timedelta) -> None:
        self.now += length
