"""Alerts, and which event belongs to which of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import Alert, Severity
from collector.store import tables
from collector.store.upsert import upsert

_COLUMNS = tuple(field.name for field in fields(Alert))
_TUPLES = ("key", "evidence", "attack", "references")


def near(
    connection: sa.Connection,
    *,
    org: str,
    rule: str,
    key: tuple[str, ...],
    between: tuple[datetime, datetime],
) -> list[Alert]:
    """The alerts of one dedup key whose episode touches a span of event time, oldest first."""
    table = tables.alerts
    query = (
        sa.select(table)
        .where(
            table.c.org == org,
            table.c.rule == rule,
            table.c.key_digest == digest(key),
            table.c.last_time >= between[0],
            table.c.first_time <= between[1],
        )
        .order_by(table.c.first_time, table.c.id)
    )
    return [_alert(row) for row in connection.execute(query)]


def owners(
    connection: sa.Connection, *, org: str, rule: str, event_uids: Sequence[str]
) -> dict[str, str]:
    """For those events that already belong to an alert of the rule: the alert's id."""
    table = tables.matches
    found: dict[str, str] = {}
    for start in range(0, len(event_uids), 500):
        chunk = event_uids[start : start + 500]
        query = sa.select(table.c.event_uid, table.c.alert_id).where(
            table.c.org == org, table.c.rule == rule, table.c.event_uid.in_(chunk)
        )
        found.update((row.event_uid, row.alert_id) for row in connection.execute(query))
    return found


def save(
    connection: sa.Connection, alerts: Iterable[Alert], events: Mapping[str, Sequence[str]]
) -> None:
    """Write alerts, and by alert id the uids of the events that newly belong to them."""
    for alert in alerts:
        upsert(connection, tables.alerts, _row(alert))
        rows = [
            {"org": alert.org, "rule": alert.rule, "event_uid": uid, "alert_id": alert.id}
            for uid in events.get(alert.id, ())
        ]
        if rows:
            connection.execute(sa.insert(tables.matches), rows)


def get(connection: sa.Connection, alert_id: str) -> Alert | None:
    """The alert with that id."""
    query = sa.select(tables.alerts).where(tables.alerts.c.id == alert_id)
    row = connection.execute(query).first()
    return None if row is None else _alert(row)


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
) -> list[Alert]:
    """Alerts, the newest event first."""
    table = tables.alerts
    query = (
        sa.select(table)
        .where(table.c.severity >= min_severity)
        .order_by(table.c.last_time.desc(), table.c.id)
        .limit(limit)
    )
    if since is not None:
        query = query.where(table.c.last_time >= since)
    if rule is not None:
        query = query.where(table.c.rule == rule)
    if org is not None:
        query = query.where(table.c.org == org)
    return [_alert(row) for row in connection.execute(query)]


def digest(key: tuple[str, ...]) -> str:
    """A short fingerprint of a dedup key, for the index."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


def _row(alert: Alert) -> dict[str, Any]:
    row = {name: getattr(alert, name) for name in _COLUMNS}
    row.update({name: list(row[name]) for name in _TUPLES})
    row["entities"] = dict(alert.entities)
    return {**row, "key_digest": digest(alert.key)}


def _alert(row: sa.Row[Any]) -> Alert:
    values = row._asdict()
    values = {name: values[name] for name in _COLUMNS}
    values.update({name: tuple(values[name]) for name in _TUPLES})
    return Alert(**values)
