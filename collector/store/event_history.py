"""What the state has of an event: its batch, the rules that matched it, and the deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import BatchFacts, DeliveryState, Severity, Stream, parse_facts
from collector.store import tables
from collector.store.ledger import LedgerEntry, parse_ledger_entry
from collector.store.sound_rows import read_sound_rows
from collector.store.stream_rows import parse_stream_row


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrigin:
    """A batch as the ledger has it.

    `first_listed` is when we first saw it listed, `created` when the org made it; both are None for
    what orgs do not list.
    """

    key: str
    stream: Stream
    event_type: str
    entry: LedgerEntry
    log_time: datetime
    received: datetime
    facts: BatchFacts
    first_listed: datetime | None
    created: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMembership:
    """That an event was matched by a rule, and belongs to an alert."""

    org: str
    rule: str
    alert_id: str
    severity: Severity
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A message of an alert to a channel, and its state.

    `digest` is the key of the digest that told it, or is to; `instead_of` the channel in whose
    place it was sent; both are empty for most.
    """

    channel: str
    revision: int
    state: DeliveryState
    attempts: int
    created: datetime
    finished: datetime | None
    reason: str
    digest: str = ""
    instead_of: str = ""


def list_batch_origins(connection: sa.Connection, keys: Sequence[str]) -> list[BatchOrigin]:
    """The batches with these keys, in the order in which they were received."""
    batches, listed_files = tables.batches, tables.listed_files
    query = (
        sa.select(batches, listed_files.c.first_listed, listed_files.c.created)
        .outerjoin(listed_files, listed_files.c.key == batches.c.key)
        .where(batches.c.key.in_(keys))
        .order_by(batches.c.received, batches.c.key)
    )
    return read_sound_rows(connection, batches, query, _parse_batch_origin)


def list_collected_orgs(connection: sa.Connection) -> list[str]:
    """The orgs of which the ledger has a batch."""
    column = tables.batches.c.org
    return list(connection.scalars(sa.select(column).distinct().order_by(column)))


def list_memberships(
    connection: sa.Connection, event_uid: str, *, separator: str
) -> list[AlertMembership]:
    """The rules that matched an event, and the alerts that it belongs to.

    Where a rule matched it several times, the uids of the matches go on after it with `separator`.
    """
    table, alerts = tables.matches, tables.alerts
    # The key of the matches begins with org and rule: by uid alone, all of them would be read.
    rules = sa.select(alerts.c.org, alerts.c.rule).distinct().subquery()
    is_sqlite = connection.dialect.name == "sqlite"
    uid = table.c.event_uid if is_sqlite else sa.collate(table.c.event_uid, "C")
    lower, upper = f"{event_uid}{separator}", f"{event_uid}{chr(ord(separator) + 1)}"
    query = (
        sa.select(*(table.c[field.name] for field in fields(AlertMembership)))
        .join(rules, sa.and_(rules.c.org == table.c.org, rules.c.rule == table.c.rule))
        .where(sa.or_(uid == event_uid, sa.and_(uid >= lower, uid < upper)))
        .order_by(table.c.org, table.c.rule, table.c.event_uid)
    )
    return [AlertMembership(**row._asdict()) for row in connection.execute(query)]


def list_match_uids(connection: sa.Connection, alert_id: str, *, limit: int) -> list[str]:
    """The uids of matches that belong to an alert, the gravest first, at most so many."""
    table = tables.matches
    query = (
        sa.select(table.c.event_uid)
        .where(table.c.alert_id == alert_id)
        .order_by(table.c.severity.desc(), table.c.time, table.c.event_uid)
        .limit(limit)
    )
    return list(connection.scalars(query))


def list_deliveries(connection: sa.Connection, alert_id: str) -> list[DeliveryRecord]:
    """The messages of an alert, by revision and channel."""
    table = tables.deliveries
    query = (
        sa.select(*(table.c[field.name] for field in fields(DeliveryRecord)))
        .where(table.c.alert_id == alert_id)
        .order_by(table.c.revision, table.c.channel)
    )
    return read_sound_rows(connection, table, query, lambda row: DeliveryRecord(**row._asdict()))


def _parse_batch_origin(row: sa.Row[Any]) -> BatchOrigin:
    return BatchOrigin(
        key=row.key,
        stream=parse_stream_row(row),
        event_type=row.event_type,
        entry=parse_ledger_entry(row),
        log_time=row.nominal,
        received=row.received,
        facts=parse_facts(row.facts),
        first_listed=row.first_listed,
        created=row.created,
    )
