"""When the present test began: tests run many minutes after their modules were loaded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class TimeOrigin:
    """The clocks of orgs and ours are a little later, however long the tests before it took."""

    start_time = datetime.now(UTC).replace(microsecond=0)

    @classmethod
    def mark_start(cls) -> None:
        # An org tells its time in whole seconds, so what has just begun may still be ahead of it.
        cls.start_time = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=3)


def read_start_time() -> datetime:
    """In a test, when it began; before any has begun, when this module was loaded."""
    return TimeOrigin.start_time
