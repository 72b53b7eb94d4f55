"""The ledger, added up: what it holds, and what it held of batches that were folded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import BatchState
from collector.store import tables
from collector.store.integer_sums import sum_as_int
from collector.store.retention_tables import folded_batches

_TOTAL_SUMS = (
    "batches",
    "rows",
    "pruned",
    "duplicates",
    "quarantined",
    "bad_records",
    "unknown_times",
    "lost",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTotal:
    """What the ledger holds of one event type of one org.

    `rows` are in the archive, `pruned` were and are not any more.
    """

    org: str
    source: str
    event_type: str
    batches: int
    rows: int
    pruned: int
    duplicates: int
    quarantined: int
    bad_records: int
    unknown_times: int
    lost: int
    newest: datetime


def list_ledger_totals(connection: sa.Connection) -> list[LedgerTotal]:
    """The ledger, with what it holds no more, added up per org, source and event type."""
    parts = sa.union_all(
        _select_batch_totals(), _select_noted_totals(), _select_folded_totals()
    ).subquery()
    group = (parts.c.org, parts.c.source, parts.c.event_type)
    query = (
        sa.select(
            *group,
            *(sum_as_int(parts.c[name]).label(name) for name in _TOTAL_SUMS),
            sa.func.max(parts.c.newest, type_=tables.MicrosecondTime()).label("newest"),
        )
        .group_by(*group)
        .order_by(*group)
    )
    return [LedgerTotal(**row._asdict()) for row in connection.execute(query)]


def _select_batch_totals() -> sa.Select[Any]:
    """What every batch has."""
    table = tables.batches
    group = (table.c.org, table.c.source, table.c.event_type)
    count: sa.ColumnElement[int] = sa.func.count()
    amounts: dict[str, sa.ColumnElement[int]] = {
        "batches": count,
        "rows": sum_as_int(table.c.rows),
        # Of a whole group, which is of one state: to look at each row takes a tenth longer.
        "lost": sa.case((table.c.state == BatchState.LOST, count), else_=0),
    }
    newest = sa.func.max(table.c.nominal, type_=tables.MicrosecondTime())
    return sa.select(*_label_part(group, amounts, newest)).group_by(*group, table.c.state)


def _select_noted_totals() -> sa.Select[Any]:
    """What few batches have, from an index of these alone."""
    table = tables.batches
    group = (table.c.org, table.c.source, table.c.event_type)
    amounts = {name: sum_as_int(table.c[name]) for name in tables.COUNTS_OF_NOTE}
    newest = sa.null().cast(tables.MicrosecondTime())
    return sa.select(*_label_part(group, amounts, newest)).where(tables.IS_OF_NOTE).group_by(*group)


def _label_part(
    group: Iterable[sa.ColumnElement[Any]],
    amounts: Mapping[str, sa.ColumnElement[int]],
    newest: sa.ColumnElement[Any],
) -> list[sa.ColumnElement[Any]]:
    """The columns that the parts of the totals have in common; 0 where a part has no amount."""
    return [
        *group,
        *(amounts.get(name, sa.literal(0)).label(name) for name in _TOTAL_SUMS),
        newest.label("newest"),
    ]


def _select_folded_totals() -> sa.Select[Any]:
    names = ("org", "source", "event_type", *_TOTAL_SUMS, "newest")
    return sa.select(*(folded_batches.c[name] for name in names))
