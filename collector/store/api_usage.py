"""How many API calls each source has cost, by org and hour, across restarts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.store import tables
from collector.store.upsert import upsert_row

USAGE_PERIOD = timedelta(days=1)


def add_api_calls(
    connection: sa.Connection, org: str, source: str, calls: int, *, now: datetime
) -> None:
    """Add calls that were made just now; what is older than a day is deleted."""
    table = tables.api_usage
    hour = now.replace(minute=0, second=0, microsecond=0)
    conditions = (table.c.org == org, table.c.source == source, table.c.hour == hour)
    earlier_calls = connection.scalar(sa.select(table.c.calls).where(*conditions)) or 0
    upsert_row(
        connection,
        table,
        {"org": org, "source": source, "hour": hour, "calls": earlier_calls + calls},
    )
    connection.execute(sa.delete(table).where(table.c.hour < now - USAGE_PERIOD))


def sum_api_calls(connection: sa.Connection, org: str, *, now: datetime) -> Mapping[str, int]:
    """The calls of the last 24 hours, by source."""
    table = tables.api_usage
    query = (
        sa.select(table.c.source, sa.func.sum(table.c.calls).label("calls"))
        .where(table.c.org == org, table.c.hour > now - USAGE_PERIOD)
        .group_by(table.c.source)
    )
    return {row.source: int(row.calls) for row in connection.execute(query)}
