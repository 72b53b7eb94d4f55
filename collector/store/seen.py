"""What first-seen rules remember: for each key, the runs in which it was seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from collector.store import remembered, tables
from collector.store.chunks import chunks
from collector.store.upsert import upsert_all

Row = tuple[int, str, int]
"""A run: start, uid of its first event, last."""

_CHUNK = 2_000


def runs(
    connection: sa.Connection, *, org: str, rule: str, keys: Collection[str]
) -> dict[str, list[Row]]:
    """The runs of those keys, each in order; keys without one are left out."""
    table = tables.seen
    columns = (table.c.key, table.c.start, table.c.uid, table.c.last)
    found: dict[str, list[Row]] = {}
    for chunk in chunks(keys, _CHUNK):
        query = (
            sa.select(*columns)
            .where(table.c.org == org, table.c.rule == rule, table.c.key.in_(chunk))
            .order_by(table.c.start)
        )
        for key, start, uid, last in connection.execute(query):
            found.setdefault(key, []).append((start, uid, last))
    return found


def remember(
    connection: sa.Connection, *, org: str, rule: str, runs: Iterable[tuple[str, Row]]
) -> None:
    """Write runs by their keys; one with the same key and start is replaced."""
    rows = [
        {"org": org, "rule": rule, "key": key, "start": start, "uid": uid, "last": last}
        for key, (start, uid, last) in runs
    ]
    upsert_all(connection, tables.seen, rows)


def forget(
    connection: sa.Connection, *, org: str, rule: str, starts: Iterable[tuple[str, int]]
) -> None:
    """Drop the runs with these keys and starts."""
    remembered.forget(connection, tables.seen, org=org, rule=rule, places=starts)


def clear(connection: sa.Connection, *, org: str, rule: str) -> None:
    """Drop all that a rule remembers of an org."""
    remembered.clear(connection, tables.seen, org=org, rule=rule)


def expire(connection: sa.Connection, *, before: int) -> None:
    """Drop the runs that ended before that moment, in microseconds since 1970."""
    remembered.expire(connection, tables.seen, before=before)
