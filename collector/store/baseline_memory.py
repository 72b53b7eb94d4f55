"""What baselines remember: the measure of each group in each window in which it had events."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa

from collector.store import rule_memory, tables
from collector.store.chunks import split_chunks
from collector.store.upsert import upsert_rows

_CHUNK_SIZE = 2_000


class BaselineWindow(NamedTuple):
    """A window of a group; times are in microseconds.

    `peers` is the digest of what the group has in common with its peers, `told` says whether it is
    a match.
    """

    value: float
    events: int
    last: int
    received: int
    peers: str | None = None
    told: bool = False


BaselineWindowKey = tuple[str, int]
"""The key of a group and the start of a window."""

BaselineSums = tuple[int, float, float]
"""How many windows, the sum of their values and that of the squares."""

WINDOW_COLUMNS = tuple(tables.baseline_windows.c[name] for name in BaselineWindow._fields)
"""The columns of a `BaselineWindow`, in order."""


def read_windows(
    connection: sa.Connection, *, org: str, rule: str, keys: Collection[str], first: int, last: int
) -> dict[BaselineWindowKey, BaselineWindow]:
    """The windows of those groups that start from `first` to `last`, both included."""
    table = tables.baseline_windows
    windows: dict[BaselineWindowKey, BaselineWindow] = {}
    for chunk in split_chunks(keys, _CHUNK_SIZE):
        query = sa.select(table.c.key, table.c.start, *WINDOW_COLUMNS).where(
            table.c.org == org,
            table.c.rule == rule,
            table.c.key.in_(chunk),
            table.c.start.between(first, last),
        )
        for key, start, *values in connection.execute(query):
            windows[key, start] = BaselineWindow(*values)
    return windows


def read_told_windows(
    connection: sa.Connection, *, org: str, rule: str, first: int, last: int
) -> dict[BaselineWindowKey, BaselineWindow]:
    """The windows that are matches and whose last event lies in a span, both ends included."""
    table = tables.baseline_windows
    query = sa.select(table.c.key, table.c.start, *WINDOW_COLUMNS).where(
        table.c.org == org,
        table.c.rule == rule,
        table.c.told,
        table.c.last.between(first, last),
    )
    return {
        (key, start): BaselineWindow(*values) for key, start, *values in connection.execute(query)
    }


def sum_windows(
    connection: sa.Connection, *, org: str, rule: str, keys: Collection[str], first: int, until: int
) -> dict[str, BaselineSums]:
    """Of each of those groups, its windows that start from `first` on and before `until`."""
    table = tables.baseline_windows
    value = table.c.value
    sums: dict[str, BaselineSums] = {}
    for chunk in split_chunks(keys, _CHUNK_SIZE):
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
            sums[key] = (count, float(total), float(squares))
    return sums


def save_windows(
    connection: sa.Connection,
    *,
    org: str,
    rule: str,
    windows: Iterable[tuple[BaselineWindowKey, BaselineWindow]],
) -> None:
    """Write windows; those with the same keys are replaced."""
    rows = [
        {"org": org, "rule": rule, "key": key, "start": start, **measure._asdict()}
        for (key, start), measure in windows
    ]
    upsert_rows(connection, tables.baseline_windows, rows)


def delete_windows(
    connection: sa.Connection, *, org: str, rule: str, window_keys: Iterable[BaselineWindowKey]
) -> None:
    """Drop these windows."""
    rule_memory.delete_rows(
        connection, tables.baseline_windows, org=org, rule=rule, row_keys=window_keys
    )
