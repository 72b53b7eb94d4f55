"""Whether this machine's clock can be trusted: by a wrong one, all that there is would be old."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.store import ledger, org_clocks

MAX_SKEW = timedelta(days=1)
MAX_SILENCE = timedelta(days=7)
"""For so long since an org has answered, what it said of the time counts."""


def explain_clock_doubt(connection: sa.Connection, *, now: datetime) -> str:
    """Why nothing should be pruned by this clock; empty where an org has confirmed it."""
    for reading in org_clocks.list_clock_readings(connection):
        if abs(reading.skew) > MAX_SKEW:
            days = abs(reading.skew) / timedelta(days=1)
            return (
                f"this machine's clock says {now:%Y-%m-%d %H:%M}Z, and that of {reading.org} is"
                f" {days:.0f} days from it: set the clock by NTP"
            )
    answers = [poll.last_success for poll in ledger.list_poll_statuses(connection)]
    newest = max(filter(None, answers), default=None)
    if newest is None:
        return "no org has answered yet, which would say whether this machine's clock is right"
    if not -MAX_SKEW <= now - newest <= MAX_SILENCE:
        return (
            f"this machine's clock says {now:%Y-%m-%d %H:%M}Z, and an org has last answered at"
            f" {newest:%Y-%m-%d %H:%M}Z: let `collector run` poll, which tells whether that is true"
        )
    return ""
