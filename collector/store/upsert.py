"""Insert, or update what is there, in the dialects of both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert_row(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or update the named columns of the one with the same key."""
    upsert_rows(connection, table, [values])


def upsert_rows(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """`upsert_row` of many rows that name the same columns."""
    if rows:
        statement = _build_upsert(connection.dialect.name, table, tuple(rows[0]))
        connection.execute(statement, [dict(row) for row in rows])


@cache  # to build it takes longer than to run it
def _build_upsert(dialect: str, table: sa.Table, names: Sequence[str]) -> sa.Insert:
    keys = [column.name for column in table.primary_key]
    statement = _build_dialect_insert(dialect, table)
    updates = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=updates)


def build_insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT in the dialect of the database, which can say what to do on a conflict."""
    return _build_dialect_insert(connection.dialect.name, table)


def _build_dialect_insert(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
