"""Alerts, and which event belongs to which of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from collector.model import Alert, AlertMatch, AlertStatus, FoldState, Severity
from collector.stable_ids import hash_json
from collector.store import tables
from collector.store.chunks import split_chunks
from collector.store.sound_rows import read_sound_rows
from collector.store.upsert import upsert_rows

TimeSpan: TypeAlias = tuple[datetime, datetime]
"""A span of event time, both ends included."""

_FOLD_STATE_COLUMN = "basis"
_ALERT_COLUMNS = tuple(field.name for field in fields(Alert) if field.name != "fold_state")
_TUPLE_COLUMNS = ("key", "evidence", "attack", "references", "context")
_MATCH_COLUMNS = tuple(field.name for field in fields(AlertMatch))


def find_nearby_alerts(
    connection: sa.Connection,
    *,
    org: str,
    rule: str,
    spans: Mapping[tuple[str, ...], TimeSpan],
) -> dict[tuple[str, ...], list[Alert]]:
    """By dedup key, the alerts whose episode touches the key's span of event time, oldest first.

    Merged ones are left out, and keys without any.
    """
    keys = {compute_key_digest(key): key for key in spans}
    nearby: dict[tuple[str, ...], list[Alert]] = {}
    for digests in split_chunks(keys):
        query = _build_nearby_query(org, rule, keys, spans, digests)
        rows = read_sound_rows(connection, tables.alerts, query, _parse_keyed_row)
        for digest, alert in rows:
            key = keys[digest]
            if alert.last_time >= spans[key][0] and alert.first_time <= spans[key][1]:
                nearby.setdefault(key, []).append(alert)
    return nearby


def _build_nearby_query(
    org: str,
    rule: str,
    keys: Mapping[str, tuple[str, ...]],
    spans: Mapping[tuple[str, ...], TimeSpan],
    digests: Sequence[str],
) -> sa.Select[Any]:
    table = tables.alerts
    chosen = [spans[keys[digest]] for digest in digests]
    return (
        sa.select(table)
        .where(
            table.c.org == org,
            table.c.rule == rule,
            table.c.key_digest.in_(digests),
            table.c.last_time >= min(first for first, _ in chosen),
            table.c.first_time <= max(last for _, last in chosen),
            table.c.status != AlertStatus.MERGED,
        )
        .order_by(table.c.first_time, table.c.id)
    )


def list_first_times(
    connection: sa.Connection, *, org: str, rule: str, between: TimeSpan
) -> list[datetime]:
    """When the alerts of a rule began, of those that began between two times."""
    table = tables.alerts
    query = sa.select(table.c.first_time).where(
        table.c.org == org,
        table.c.rule == rule,
        table.c.first_time.between(*between),
        table.c.status != AlertStatus.MERGED,
    )
    return list(connection.scalars(query))


def find_alert(connection: sa.Connection, alert_id: str) -> Alert | None:
    """The alert with that id; None where there is none."""
    return next(iter(read_alerts(connection, [alert_id])), None)


def read_alerts(connection: sa.Connection, alert_ids: Iterable[str]) -> Iterator[Alert]:
    """The alerts with those ids."""
    for chunk in split_chunks(sorted(alert_ids)):
        query = sa.select(tables.alerts).where(tables.alerts.c.id.in_(chunk))
        yield from read_sound_rows(connection, tables.alerts, query, _parse_alert_row)


def find_alerts_by_prefix(connection: sa.Connection, prefix: str) -> list[Alert]:
    """The alerts whose id begins with `prefix`, at most 10."""
    id_column = tables.alerts.c.id
    query = sa.select(tables.alerts).where(
        # Ids are hexadecimal: the range, unlike a pattern, is looked up in the index.
        id_column.between(prefix, f"{prefix}g"),
        id_column.startswith(prefix, autoescape=True),
    )
    return read_sound_rows(connection, tables.alerts, query.limit(10), _parse_alert_row)


def list_alerts(
    connection: sa.Connection,
    *,
    since: datetime | None = None,
    min_severity: Severity = Severity.INFORMATIONAL,
    rule: str | None = None,
    org: str | None = None,
    limit: int | None = None,
    include_merged: bool = False,
) -> list[Alert]:
    """Alerts, the newest event first; rows that are damaged are left out, and logged."""
    table = tables.alerts
    query = (
        sa.select(table)
        .where(table.c.severity >= min_severity)
        .order_by(table.c.last_time.desc(), table.c.id)
        .limit(limit)
    )
    if not include_merged:
        query = query.where(table.c.status != AlertStatus.MERGED)
    if since is not None:
        query = query.where(table.c.last_time >= since)
    if rule is not None:
        query = query.where(table.c.rule == rule)
    if org is not None:
        query = query.where(table.c.org == org)
    return read_sound_rows(connection, table, query, _parse_alert_row)


def save_alerts(
    connection: sa.Connection,
    alerts: Iterable[Alert],
    matches_by_alert: Mapping[str, Sequence[AlertMatch]],
) -> None:
    """Write alerts, and by alert id the matches that belong to them."""
    saved = list(alerts)
    upsert_rows(connection, tables.alerts, [_build_alert_row(alert) for alert in saved])
    rows = [
        {"org": alert.org, "rule": alert.rule, **_build_match_row(match)}
        for alert in saved
        for match in matches_by_alert.get(alert.id, ())
    ]
    upsert_rows(connection, tables.matches, rows)


# ---- matches


def find_alert_matches(
    connection: sa.Connection, *, org: str, rule: str, event_uids: Iterable[str]
) -> dict[str, AlertMatch]:
    """Those of the events that belong to an alert of the rule, by uid."""
    table = tables.matches
    matches: dict[str, AlertMatch] = {}
    for chunk in split_chunks(event_uids):
        query = sa.select(table).where(
            table.c.org == org, table.c.rule == rule, table.c.event_uid.in_(chunk)
        )
        matches.update((row.event_uid, _parse_match_row(row)) for row in connection.execute(query))
    return matches


def read_match_weights(
    connection: sa.Connection, *, org: str, rule: str, between: tuple[datetime, datetime]
) -> dict[str, tuple[Severity, float]]:
    """By uid, severity and weight of what a rule has matched in a span of event time."""
    table = tables.matches
    query = sa.select(table.c.event_uid, table.c.severity, table.c.weight).where(
        table.c.org == org, table.c.rule == rule, table.c.time.between(*between)
    )
    return {row.event_uid: (row.severity, row.weight) for row in connection.execute(query)}


def iterate_alert_matches(
    connection: sa.Connection, alert_ids: Collection[str]
) -> Iterator[AlertMatch]:
    """The matches of some alerts, in the order of time; there may be millions."""
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
        yield from (_parse_match_row(row) for row in rows)


def detach_matches(
    connection: sa.Connection, *, org: str, rule: str, alerts_by_uid: Mapping[str, str]
) -> None:
    """Delete events' matches from the alerts named. One that is in another by now stays there."""
    table = tables.matches
    statement = sa.delete(table).where(
        table.c.org == org,
        table.c.rule == rule,
        table.c.event_uid == sa.bindparam("uid"),
        table.c.alert_id == sa.bindparam("former_id"),
    )
    rows = [{"uid": uid, "former_id": alert_id} for uid, alert_id in alerts_by_uid.items()]
    if rows:
        connection.execute(statement, rows)


def move_matches(
    connection: sa.Connection, *, org: str, rule: str, event_uids: Iterable[str], alert_id: str
) -> None:
    """Assign the matches of events to another alert."""
    table = tables.matches
    for chunk in split_chunks(event_uids):
        connection.execute(
            sa.update(table)
            .where(table.c.org == org, table.c.rule == rule, table.c.event_uid.in_(chunk))
            .values(alert_id=alert_id)
        )


def move_merged_matches(connection: sa.Connection, alert: Alert) -> None:
    """Assign all matches of a merged alert to the one that it was merged into."""
    table = tables.matches
    connection.execute(
        sa.update(table).where(table.c.alert_id == alert.id).values(alert_id=alert.merged_into)
    )


def compute_key_digest(key: tuple[str, ...]) -> str:
    """A short fingerprint of a dedup key, for the index."""
    return hash_json(key)


# ---- rows


def _build_alert_row(alert: Alert) -> dict[str, Any]:
    row = {name: getattr(alert, name) for name in _ALERT_COLUMNS}
    row.update({name: list(row[name]) for name in _TUPLE_COLUMNS})
    return {
        **row,
        "entities": dict(alert.entities),
        _FOLD_STATE_COLUMN: alert.fold_state.to_json() if alert.fold_state else {},
        "key_digest": compute_key_digest(alert.key),
    }


def _parse_alert_row(row: sa.Row[Any]) -> Alert:
    columns = row._asdict()
    values = {name: columns[name] for name in _ALERT_COLUMNS}
    values.update({name: tuple(values[name]) for name in _TUPLE_COLUMNS})
    state = columns[_FOLD_STATE_COLUMN]
    return Alert(**values, fold_state=FoldState.from_json(state) if state else None)


def _parse_keyed_row(row: sa.Row[Any]) -> tuple[str, Alert]:
    return row.key_digest, _parse_alert_row(row)


def _build_match_row(match: AlertMatch) -> dict[str, Any]:
    return {name: getattr(match, name) for name in _MATCH_COLUMNS}


def _parse_match_row(row: sa.Row[Any]) -> AlertMatch:
    values = row._asdict()
    return AlertMatch(**{name: values[name] for name in _MATCH_COLUMNS})
