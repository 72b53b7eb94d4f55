"""What a digest tells: counts, the largest groups and the gravest of the alerts in it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from collector.model import (
    AlertDigest,
    AlertStatus,
    Delivery,
    DeliveryState,
    DigestEntry,
    DigestGroup,
    Severity,
    StormLimit,
)
from collector.store import tables

MAX_GROUPS = 10
MAX_ENTRIES = 5
MAX_ACTORS = 3

_ACTOR_ENTITIES = ("user_name", "user_id", "source_ip")
"""Who an alert is about: the first of these that it has."""

_GroupKey = tuple[str, str, Severity]


@dataclass(slots=True, kw_only=True)
class _GroupCount:
    alerts: int = 0
    events: int = 0
    actors: Counter[str] = field(default_factory=Counter)


def read_digest(
    connection: sa.Connection, delivery: Delivery, limit: StormLimit
) -> AlertDigest | None:
    """What a digest tells, as its alerts are now; None where nothing is left in it."""
    groups: dict[_GroupKey, _GroupCount] = {}
    rows: list[sa.Row[Any]] = []
    first = last = None
    for row in _iterate_alerts(connection, delivery.key):
        first = row.first_time if first is None else min(first, row.first_time)
        last = row.last_time if last is None else max(last, row.last_time)
        _add_to_group(groups, row)
        rows = heapq.nlargest(MAX_ENTRIES, [*rows, row], key=_rank_alert)
    if first is None or last is None:
        return None
    ordered = sorted(groups.items(), key=lambda item: _rank_group(*item))
    counts: Counter[Severity] = Counter()
    for (_, _, severity), group in ordered:
        counts[severity] += group.alerts
    return AlertDigest(
        storm=delivery.storm,
        revision=delivery.revision,
        severity=max(counts),
        limit=limit,
        orgs=tuple(sorted({org for _, org, _ in groups})),
        alert_count=counts.total(),
        severity_counts={level: counts[level] for level in sorted(counts, reverse=True)},
        groups=tuple(_build_group(*item) for item in ordered[:MAX_GROUPS]),
        group_count=len(groups),
        entries=tuple(_build_entry(row) for row in rows),
        first_time=first,
        last_time=last,
        storm_alert_count=_count_storm_alerts(connection, delivery),
    )


def _iterate_alerts(connection: sa.Connection, key: str) -> Iterator[sa.Row[Any]]:
    """What digests say of their alerts; there may be a hundred thousand."""
    alerts, deliveries = tables.alerts, tables.deliveries
    columns = ("id", "rule", "org", "severity", "status", "title", "entities")
    query: sa.Select[Any] = (
        sa.select(
            *(alerts.c[name] for name in columns),
            alerts.c["count"].label("event_count"),
            alerts.c.first_time,
            alerts.c.last_time,
        )
        .join(deliveries, deliveries.c.alert_id == alerts.c.id)
        .where(deliveries.c.digest == key, deliveries.c.state != DeliveryState.SUPERSEDED)
        .execution_options(yield_per=1_000)
    )
    with connection.execute(query) as rows:
        yield from rows


def _count_storm_alerts(connection: sa.Connection, delivery: Delivery) -> int:
    """How many different alerts the digests of a storm have told, up to this one."""
    table = tables.deliveries
    digests = sa.select(table.c.key).where(
        table.c.storm == delivery.storm,
        table.c.channel == delivery.channel,
        table.c.alert_id.is_(None),
        table.c.revision <= delivery.revision,
    )
    query = sa.select(sa.func.count(table.c.alert_id.distinct())).where(
        table.c.digest.in_(digests), table.c.state != DeliveryState.SUPERSEDED
    )
    return int(connection.scalar(query) or 0)


def _add_to_group(groups: dict[_GroupKey, _GroupCount], row: sa.Row[Any]) -> None:
    group = groups.setdefault((row.rule, row.org, row.severity), _GroupCount())
    group.alerts += 1
    group.events += row.event_count
    actor = next((row.entities[name] for name in _ACTOR_ENTITIES if row.entities.get(name)), "")
    if actor:
        group.actors[actor] += 1


def _rank_alert(row: sa.Row[Any]) -> tuple[Severity, int, str]:
    return row.severity, row.event_count, row.id


def _rank_group(key: _GroupKey, group: _GroupCount) -> tuple[int, int, str, str]:
    rule, org, severity = key
    return -severity, -group.alerts, rule, org


def _build_group(key: _GroupKey, group: _GroupCount) -> DigestGroup:
    rule, org, severity = key
    most_common = sorted(group.actors.items(), key=lambda item: (-item[1], item[0]))
    return DigestGroup(
        rule=rule,
        org=org,
        severity=severity,
        alert_count=group.alerts,
        event_count=group.events,
        actors=tuple(actor for actor, _ in most_common[:MAX_ACTORS]),
        actor_count=len(most_common),
    )


def _build_entry(row: sa.Row[Any]) -> DigestEntry:
    ended = "" if row.status == AlertStatus.OPEN else f"{row.status}: "
    return DigestEntry(
        alert_id=row.id,
        severity=row.severity,
        last_time=row.last_time,
        title=f"{ended}{row.title}",
    )
