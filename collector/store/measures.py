"""What baselines remember: the measure of each group in each window in which it had events."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa

from collector.store import remembered, tables
from collector.store.chunks import chunks
from collector.store.upsert import upsert_all

_CHUNK = 2_000


class Measure(NamedTuple):
    """A window of a group; times are in microseconds. `told` says that it is a match."""

    value: float
    events: int
    last: int
    received: int
    told: bool = False


Place = tuple[str, int]
"""The key of a group and the start of a window."""

Sums = tuple[int, float, float]
"""How many windows, the sum of their values and that of the squares."""


def between(
    connection: sa.Connection, *, org: str, rule: str, keys: Collection[str], first: int, last: int
) -> dict[Place, Measure]:
    """The windows of those groups that start from `first` to `last`, both included."""
    table = tables.measures
    columns = (table.c.value, table.c.events, table.c.last, table.c.received, table.c.told)
    found: dict[Place, Measure] = {}
    for chunk in chunks(keys, _CHUNK):
        query = sa.select(table.c.key, table.c.start, *columns).where(
            table.c.org == org,
            table.c.rule == rule,
            table.c.key.in_(chunk),
            table.c.start.between(first, last),
        )
        for key, start, *values in connection.execute(query):
            found[key, start] = Measure(*values)
    return found


def sums(
    connection: sa.Connection, *, org: str, rule: str, keys: Collection[str], first: int, until: int
) -> dict[str, Sums]:
    """Of each of those groups, its windows that start from `first` on and before `until`."""
    table = tables.measures
    value = table.c.value
    found: dict[str, Sums] = {}
    for chunk in chunks(keys, _CHUNK):
        query = (
            sa.select(table.c.key, sa.func.count(), sa.func.sum(value), sa.func.sum(value * value))
            .where(
                table.c.org == org,
                table.c.rule == rule,
                table.c.key.in_(chunk),
                table.c.start >= first,
                table.c.start < until,
            )
            .group_by(table.c.key)
        )
        for key, count, total, squares in connection.execute(query):
            found[key] = (count, float(total), float(squares))
    return found


def remember(
    connection: sa.Connection, *, org: str, rule: str, windows: Iterable[tuple[Place, Measure]]
) -> None:
    """Write windows by their places; what stood there is replaced."""
    rows = [
        {"org": org, "rule": rule, "key": key, "start": start, **measure._asdict()}
        for (key, start), measure in windows
    ]
    upsert_all(connection, tables.measures, rows)


def forget(connection: sa.Connection, *, org: str, rule: str, places: Iterable[Place]) -> None:
    """Drop these windows."""
    remembered.forget(connection, tables.measures, org=org, rule=rule, places=places)


def clear(connection: sa.Connection, *, org: str, rule: str) -> None:
    """Drop all that a rule remembers of an org."""
    remembered.clear(connection, tables.measures, org=org, rule=rule)


def expire(connection: sa.Connection, *, before: int) -> None:
    """Drop the windows whose last event was before that moment, in microseconds since 1970."""
    remembered.expire(connection, tables.measures, before=before)
