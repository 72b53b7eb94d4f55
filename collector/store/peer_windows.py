"""The remembered windows of groups that a baseline compares with each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from collector.store import tables
from collector.store.baseline_memory import (
    WINDOW_COLUMNS,
    BaselineSums,
    BaselineWindow,
    BaselineWindowKey,
)
from collector.store.chunks import split_chunks

_CHUNK_SIZE = 2_000

PeerPlace = tuple[str, int]
"""What groups have in common (a digest), and the start of a window: its windows are compared."""


def read_windows_from(
    connection: sa.Connection, *, org: str, rule: str, places: Collection[PeerPlace], least: float
) -> dict[BaselineWindowKey, BaselineWindow]:
    """The windows of these places with at least that value."""
    table = tables.baseline_windows
    windows: dict[BaselineWindowKey, BaselineWindow] = {}
    for condition in _list_conditions(org, rule, places):
        query = sa.select(table.c.key, table.c.start, *WINDOW_COLUMNS).where(
            condition, table.c.value >= least
        )
        for key, start, *values in connection.execute(query):
            windows[key, start] = BaselineWindow(*values)
    return windows


def sum_windows_below(
    connection: sa.Connection, *, org: str, rule: str, places: Collection[PeerPlace], least: float
) -> dict[PeerPlace, BaselineSums]:
    """Of each of these places, its windows with less than that value."""
    table = tables.baseline_windows
    value = table.c.value
    sums: dict[PeerPlace, BaselineSums] = {}
    for condition in _list_conditions(org, rule, places):
        totals = (sa.func.count(), sa.func.sum(value), sa.func.sum(value * value))
        query = (
            sa.select(table.c.peers, table.c.start, *totals)
            .where(condition, value < least)
            .group_by(table.c.peers, table.c.start)
        )
        for peers, start, count, total, squares in connection.execute(query):
            sums[peers, start] = (count, float(total), float(squares))
    return sums


def _list_conditions(
    org: str, rule: str, places: Collection[PeerPlace]
) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together hold for the windows of all places."""
    table = tables.baseline_windows
    by_start: dict[int, list[str]] = {}
    for peers, start in places:
        by_start.setdefault(start, []).append(peers)
    for start, of_start in by_start.items():
        for chunk in split_chunks(of_start, _CHUNK_SIZE):
            yield sa.and_(
                table.c.org == org,
                table.c.rule == rule,
                table.c.start == start,
                table.c.peers.in_(chunk),
            )
