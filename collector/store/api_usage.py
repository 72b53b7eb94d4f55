"""How many API calls were made, by org, purpose and hour, and what each org allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.store import tables
from collector.store.upsert import upsert_row

USAGE_PERIOD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSum:
    """The calls that were made for one activity of a source, and the polls of streams in it."""

    source: str
    activity: str
    calls: int
    polls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAllowance:
    """What an org said of its API calls in 24 hours: used by anybody, and allowed to all."""

    used_calls: int
    max_calls: int
    observed: datetime


def add_api_calls(
    connection: sa.Connection,
    org: str,
    source: str,
    calls: int,
    *,
    now: datetime,
    activity: str = "",
    polls: int = 0,
) -> None:
    """Add calls and polls that were made just now; what is older than a day is deleted."""
    table = tables.api_calls
    hour = now.replace(minute=0, second=0, microsecond=0)
    key = {"org": org, "source": source, "activity": activity, "hour": hour}
    row = connection.execute(
        sa.select(table.c.calls, table.c.polls).where(
            *(table.c[name] == value for name, value in key.items())
        )
    ).first()
    earlier_calls, earlier_polls = (row.calls, row.polls) if row else (0, 0)
    upsert_row(
        connection, table, {**key, "calls": earlier_calls + calls, "polls": earlier_polls + polls}
    )
    connection.execute(sa.delete(table).where(table.c.hour < now - USAGE_PERIOD))


def list_call_sums(connection: sa.Connection, org: str, *, since: datetime) -> Sequence[CallSum]:
    """What was made in the hours that began after `since`, by source and activity."""
    table = tables.api_calls
    query = (
        sa.select(
            table.c.source,
            table.c.activity,
            sa.func.sum(table.c.calls).label("calls"),
            sa.func.sum(table.c.polls).label("polls"),
        )
        .where(table.c.org == org, table.c.hour > since)
        .group_by(table.c.source, table.c.activity)
    )
    return [
        CallSum(
            source=row.source, activity=row.activity, calls=int(row.calls), polls=int(row.polls)
        )
        for row in connection.execute(query)
    ]


def save_call_allowance(connection: sa.Connection, org: str, allowance: CallAllowance) -> None:
    """Remember what an org said last."""
    upsert_row(
        connection,
        tables.call_allowances,
        {
            "org": org,
            "used": allowance.used_calls,
            "max": allowance.max_calls,
            "observed": allowance.observed,
        },
    )


def read_call_allowance(connection: sa.Connection, org: str) -> CallAllowance | None:
    """What an org said last; None if it has said nothing yet."""
    table = tables.call_allowances
    row = connection.execute(sa.select(table).where(table.c.org == org)).first()
    if row is None:
        return None
    return CallAllowance(used_calls=row.used, max_calls=row.max, observed=row.observed)
