"""How far our clock and that of each org were apart when it last answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector import clock
from collector.store import tables
from collector.store.upsert import upsert_row


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """An org's clock minus ours.

    Attributes:
        since: when the two came to be apart by more than what is tolerated, or to agree again.
        measured: when the org last said its time, by our clock.
    """

    org: str
    skew: timedelta
    since: datetime
    measured: datetime


def record_clock_skew(
    connection: sa.Connection, org: str, skew: timedelta, *, tolerance: timedelta, now: datetime
) -> None:
    """Write down a skew that was measured just now."""
    earlier = {reading.org: reading for reading in list_clock_readings(connection)}.get(org)
    goes_on = earlier is not None and (abs(earlier.skew) > tolerance) == (abs(skew) > tolerance)
    since = earlier.since if earlier is not None and goes_on else now
    values = {
        "org": org,
        "skew_micros": clock.duration_to_micros(skew),
        "since": since,
        "measured": now,
    }
    upsert_row(connection, tables.org_clocks, values)


def list_clock_readings(connection: sa.Connection) -> list[ClockReading]:
    """The newest reading of every org that has told its time."""
    table = tables.org_clocks
    return [
        ClockReading(
            org=row.org,
            skew=row.skew_micros * clock.MICROSECOND,
            since=row.since,
            measured=row.measured,
        )
        for row in connection.execute(sa.select(table).order_by(table.c.org))
    ]
