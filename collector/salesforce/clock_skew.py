"""How far our clock and an org's are apart, and what that means."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

NOTABLE_SKEW = timedelta(minutes=2)
"""From here on a wrong clock is told: Salesforce takes assertions of at most three minutes."""

BLINDING_SKEW = timedelta(hours=1)
"""From here on a pass that finds nothing new may just have looked at another time."""

EARLIEST_TIME, LATEST_TIME = datetime(2025, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What a clock that has ever been set shows; 1970 is one that has not."""


def compute_clock_skew(answer: httpx.Response, now: datetime) -> timedelta | None:
    """The org's clock minus ours by an answer's Date; good to about a second.

    None where there is no Date, or one that no org of today can have sent.
    """
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        if EARLIEST_TIME <= moment <= LATEST_TIME:
            return moment - now
    return None


def describe_clock_skew(skew: timedelta) -> str:
    """A skew in words: which clock is behind, what it leads to, and what to do."""
    length = _render_length(abs(skew))
    if skew > timedelta():
        return (
            f"this machine's clock is {length} behind the org's: set it by NTP; until then events"
            f" are read {length} late"
        )
    return (
        f"this machine's clock is {length} ahead of the org's: set it by NTP; until then the org's"
        " time is taken"
    )


def _render_length(length: timedelta) -> str:
    """A length in the largest unit that says it well: `45 s`, `90 min`, `25 h`, `400 d`."""
    seconds = length.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"
