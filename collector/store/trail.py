"""What the state knows of an event: its batch, who matched it, and who was told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import Severity, Stream
from collector.store import tables
from collector.store.ledger import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A batch as the ledger has it.

    `listed` is when we first saw it listed, `created` when the org made it; both are None for what
    orgs do not list.
    """

    key: str
    stream: Stream
    event_type: str
    entry: Entry
    nominal: datetime
    received: datetime
    facts: Mapping[str, Any]
    listed: datetime | None
    created: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """That an event was matched by a rule, and belongs to an alert."""

    org: str
    rule: str
    alert_id: str
    severity: Severity
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message of an alert to a channel, and how it went."""

    channel: str
    revision: int
    state: str
    attempts: int
    created: datetime
    finished: datetime | None
    reason: str


def taken(connection: sa.Connection, keys: Sequence[str]) -> list[Taken]:
    """The batches with these keys, in the order in which they were received."""
    batches, listed = tables.batches, tables.listed
    query = (
        sa.select(batches, listed.c.first_listed, listed.c.created)
        .outerjoin(listed, listed.c.key == batches.c.key)
        .where(batches.c.key.in_(keys))
        .order_by(batches.c.received, batches.c.key)
    )
    return [_taken(row) for row in connection.execute(query)]


def orgs(connection: sa.Connection) -> list[str]:
    """The orgs of which anything was taken in."""
    column = tables.batches.c.org
    return list(connection.scalars(sa.select(column).distinct().order_by(column)))


def memberships(connection: sa.Connection, event_uid: str, *, apart: str) -> list[Membership]:
    """The rules that matched an event, and the alerts that it belongs to.

    Where a rule matched it several times, the uids of the matches go on after it with `apart`.
    """
    table, alerts = tables.matches, tables.alerts
    # The key of the matches begins with org and rule: by uid alone, all of them would be read.
    rules = sa.select(alerts.c.org, alerts.c.rule).distinct().subquery()
    is_sqlite = connection.dialect.name == "sqlite"
    uid = table.c.event_uid if is_sqlite else sa.collate(table.c.event_uid, "C")
    first, beyond = f"{event_uid}{apart}", f"{event_uid}{chr(ord(apart) + 1)}"
    query = (
        sa.select(table)
        .join(rules, sa.and_(rules.c.org == table.c.org, rules.c.rule == table.c.rule))
        .where(sa.or_(uid == event_uid, sa.and_(uid >= first, uid < beyond)))
        .order_by(table.c.org, table.c.rule, table.c.event_uid)
    )
    return [
        Membership(
            org=row.org,
            rule=row.rule,
            alert_id=row.alert_id,
            severity=row.severity,
            title=row.title,
        )
        for row in connection.execute(query)
    ]


def members(connection: sa.Connection, alert_id: str, *, limit: int) -> list[str]:
    """The uids of matches that belong to an alert, the gravest first, at most so many."""
    table = tables.matches
    query = (
        sa.select(table.c.event_uid)
        .where(table.c.alert_id == alert_id)
        .order_by(table.c.severity.desc(), table.c.time, table.c.event_uid)
        .limit(limit)
    )
    return list(connection.scalars(query))


def deliveries(connection: sa.Connection, alert_id: str) -> list[Told]:
    """The messages of an alert, in the order in which they came to be owed."""
    table = tables.deliveries
    query = (
        sa.select(table)
        .where(table.c.alert_id == alert_id)
        .order_by(table.c.revision, table.c.channel)
    )
    return [
        Told(
            channel=row.channel,
            revision=row.revision,
            state=row.state,
            attempts=row.attempts,
            created=row.created,
            finished=row.finished,
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]


def _taken(row: sa.Row[Any]) -> Taken:
    return Taken(
        key=row.key,
        stream=Stream(org=row.org, source=row.source, name=row.stream),
        event_type=row.event_type,
        entry=Entry(
            state=row.state,
            reason=row.reason,
            rows=row.rows,
            duplicates=row.duplicates,
            quarantined=row.quarantined,
        ),
        nominal=row.nominal,
        received=row.received,
        facts=row.facts,
        listed=row.first_listed,
        created=row.created,
    )
