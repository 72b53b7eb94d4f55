"""What first-seen rules remember: for each key, the runs in which it was seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from collector.store import rule_memory, tables
from collector.store.chunks import split_chunks
from collector.store.upsert import upsert_rows

FirstSeenRow = tuple[int, str, int]
"""A run: start, uid of its first event, last."""

_CHUNK_SIZE = 2_000


def read_runs(
    connection: sa.Connection, *, org: str, rule: str, keys: Collection[str]
) -> dict[str, list[FirstSeenRow]]:
    """The runs of those keys, each in order; keys without one are left out."""
    table = tables.first_seen_runs
    columns = (table.c.key, table.c.start, table.c.uid, table.c.last)
    found: dict[str, list[FirstSeenRow]] = {}
    for chunk in split_chunks(keys, _CHUNK_SIZE):
        query = (
            sa.select(*columns)
            .where(table.c.org == org, table.c.rule == rule, table.c.key.in_(chunk))
            .order_by(table.c.start)
        )
        for key, start, uid, last in connection.execute(query):
            found.setdefault(key, []).append((start, uid, last))
    return found


def read_runs_between(
    connection: sa.Connection, *, org: str, rule: str, first: int, last: int
) -> list[tuple[str, FirstSeenRow]]:
    """The runs that start in a span, both ends included, each with its key."""
    table = tables.first_seen_runs
    query = sa.select(table.c.key, table.c.start, table.c.uid, table.c.last).where(
        table.c.org == org,
        table.c.rule == rule,
        table.c.last >= first,  # what ends before has started before: this one has an index
        table.c.start.between(first, last),
    )
    return [(row.key, (row.start, row.uid, row.last)) for row in connection.execute(query)]


def save_runs(
    connection: sa.Connection, *, org: str, rule: str, runs: Iterable[tuple[str, FirstSeenRow]]
) -> None:
    """Write runs by their keys; one with the same key and start is replaced."""
    rows = [
        {"org": org, "rule": rule, "key": key, "start": start, "uid": uid, "last": last}
        for key, (start, uid, last) in runs
    ]
    upsert_rows(connection, tables.first_seen_runs, rows)


def delete_runs(
    connection: sa.Connection, *, org: str, rule: str, starts: Iterable[tuple[str, int]]
) -> None:
    """Drop the runs with these keys and starts."""
    rule_memory.delete_rows(connection, tables.first_seen_runs, org=org, rule=rule, row_keys=starts)
