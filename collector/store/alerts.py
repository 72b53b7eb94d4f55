"""Alerts, and which event belongs to which of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import MERGED, Alert, Member, Severity
from collector.store import tables
from collector.store.chunks import chunks
from collector.store.upsert import upsert, upsert_all

_COLUMNS = tuple(field.name for field in fields(Alert))
_TUPLES = ("key", "evidence", "attack", "references", "context")
_OBJECTS = ("entities", "basis")
_MEMBER_COLUMNS = tuple(field.name for field in fields(Member))


def near(
    connection: sa.Connection,
    *,
    org: str,
    rule: str,
    key: tuple[str, ...],
    between: tuple[datetime, datetime],
) -> list[Alert]:
    """The alerts of one dedup key whose episode touches a span of event time, oldest first.

    Those that went on in another one are not among them.
    """
    table = tables.alerts
    query = (
        sa.select(table)
        .where(
            table.c.org == org,
            table.c.rule == rule,
            table.c.key_digest == digest(key),
            table.c.last_time >= between[0],
            table.c.first_time <= between[1],
            table.c.status != MERGED,
        )
        .order_by(table.c.first_time, table.c.id)
    )
    return [_alert(row) for row in connection.execute(query)]


def get(connection: sa.Connection, alert_id: str) -> Alert | None:
    """The alert with that id."""
    return next(iter(named(connection, [alert_id])), None)


def named(connection: sa.Connection, alert_ids: Iterable[str]) -> Iterator[Alert]:
    """The alerts with those ids."""
    for chunk in chunks(sorted(alert_ids)):
        query = sa.select(tables.alerts).where(tables.alerts.c.id.in_(chunk))
        yield from (_alert(row) for row in connection.execute(query))


def starting_with(connection: sa.Connection, prefix: str) -> list[Alert]:
    """The alerts whose id begins so; people type a few characters."""
    query = sa.select(tables.alerts).where(tables.alerts.c.id.startswith(prefix, autoescape=True))
    return [_alert(row) for row in connection.execute(query.limit(10))]


def listing(
    connection: sa.Connection,
    *,
    since: datetime | None = None,
    min_severity: Severity = Severity.INFORMATIONAL,
    rule: str | None = None,
    org: str | None = None,
    limit: int | None = None,
    merged: bool = False,
) -> list[Alert]:
    """Alerts, the newest event first; those that went on in another one only if asked for."""
    table = tables.alerts
    query = (
        sa.select(table)
        .where(table.c.severity >= min_severity)
        .order_by(table.c.last_time.desc(), table.c.id)
        .limit(limit)
    )
    if not merged:
        query = query.where(table.c.status != MERGED)
    if since is not None:
        query = query.where(table.c.last_time >= since)
    if rule is not None:
        query = query.where(table.c.rule == rule)
    if org is not None:
        query = query.where(table.c.org == org)
    return [_alert(row) for row in connection.execute(query)]


def save(
    connection: sa.Connection, alerts: Iterable[Alert], joined: Mapping[str, Sequence[Member]]
) -> None:
    """Write alerts, and by alert id the members that belong to them, as they are now."""
    for alert in alerts:
        upsert(connection, tables.alerts, _row(alert))
        rows = [
            {"org": alert.org, "rule": alert.rule, **_member_row(member)}
            for member in joined.get(alert.id, ())
        ]
        upsert_all(connection, tables.matches, rows)


# ---- members


def members(
    connection: sa.Connection, *, org: str, rule: str, event_uids: Iterable[str]
) -> dict[str, Member]:
    """Those of the events that belong to an alert of the rule, by uid."""
    table = tables.matches
    found: dict[str, Member] = {}
    for chunk in chunks(event_uids):
        query = sa.select(table).where(
            table.c.org == org, table.c.rule == rule, table.c.event_uid.in_(chunk)
        )
        found.update((row.event_uid, _member(row)) for row in connection.execute(query))
    return found


def weights(
    connection: sa.Connection, *, org: str, rule: str, between: tuple[datetime, datetime]
) -> dict[str, tuple[Severity, float]]:
    """By uid, how grave and weighty what a rule has matched in a span of event time was."""
    table = tables.matches
    query = sa.select(table.c.event_uid, table.c.severity, table.c.weight).where(
        table.c.org == org, table.c.rule == rule, table.c.time.between(*between)
    )
    return {row.event_uid: (row.severity, row.weight) for row in connection.execute(query)}


def members_of(connection: sa.Connection, alert_ids: Collection[str]) -> Iterator[Member]:
    """All that belongs to some alerts, in the order of time; there may be millions."""
    table = tables.matches
    if not alert_ids:
        return
    query = (
        sa.select(table)
        .where(table.c.alert_id.in_(sorted(alert_ids)))
        .order_by(table.c.time)
        .execution_options(yield_per=1_000)
    )
    with connection.execute(query) as rows:
        yield from (_member(row) for row in rows)


def part(connection: sa.Connection, *, org: str, rule: str, event_uid: str, alert_id: str) -> None:
    """Take an event out of an alert. One that is in another alert by now stays there."""
    table = tables.matches
    connection.execute(
        sa.delete(table).where(
            table.c.org == org,
            table.c.rule == rule,
            table.c.event_uid == event_uid,
            table.c.alert_id == alert_id,
        )
    )


def move(
    connection: sa.Connection, *, org: str, rule: str, event_uids: Iterable[str], alert_id: str
) -> None:
    """Let events go over to an alert from the one that they are in."""
    table = tables.matches
    for chunk in chunks(event_uids):
        connection.execute(
            sa.update(table)
            .where(table.c.org == org, table.c.rule == rule, table.c.event_uid.in_(chunk))
            .values(alert_id=alert_id)
        )


def move_all(connection: sa.Connection, alert: Alert) -> None:
    """Let all events of an alert go over to the one in which it went on."""
    table = tables.matches
    connection.execute(
        sa.update(table).where(table.c.alert_id == alert.id).values(alert_id=alert.merged_into)
    )


def digest(key: tuple[str, ...]) -> str:
    """A short fingerprint of a dedup key, for the index."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


# ---- rows


def _row(alert: Alert) -> dict[str, Any]:
    row = {name: getattr(alert, name) for name in _COLUMNS}
    row.update({name: list(row[name]) for name in _TUPLES})
    row.update({name: dict(row[name]) for name in _OBJECTS})
    return {**row, "key_digest": digest(alert.key)}


def _alert(row: sa.Row[Any]) -> Alert:
    values = row._asdict()
    values = {name: values[name] for name in _COLUMNS}
    values.update({name: tuple(values[name]) for name in _TUPLES})
    return Alert(**values)


def _member_row(member: Member) -> dict[str, Any]:
    return {name: getattr(member, name) for name in _MEMBER_COLUMNS}


def _member(row: sa.Row[Any]) -> Member:
    values = row._asdict()
    return Member(**{name: values[name] for name in _MEMBER_COLUMNS})
