"""How far orgs' clocks are from ours, and what that means."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.salesforce.clock_skew import NOTABLE_SKEW, describe_clock_skew
from collector.store import org_clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """An org's clock minus ours, since when that is so, and what it means; empty if nothing."""

    org: str
    skew_seconds: int
    since: datetime
    reason: str


def list_clock_statuses(connection: sa.Connection, orgs: Collection[str]) -> Iterator[ClockStatus]:
    """The clocks of these orgs, as far as they were read."""
    for reading in org_clocks.list_clock_readings(connection):
        if reading.org in orgs:
            yield ClockStatus(
                org=reading.org,
                skew_seconds=round(reading.skew.total_seconds()),
                since=reading.since,
                reason=describe_clock_skew(reading.skew)
                if abs(reading.skew) > NOTABLE_SKEW
                else "",
            )
