"""What both memories of the past do alike: rows by org, rule, key and start, with a last time."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa


def delete_rows(
    connection: sa.Connection,
    table: sa.Table,
    *,
    org: str,
    rule: str,
    row_keys: Iterable[tuple[str, int]],
) -> None:
    """Drop the rows with these keys and starts."""
    gone = sa.delete(table).where(
        table.c.org == org,
        table.c.rule == rule,
        table.c.key == sa.bindparam("gone_key"),
        table.c.start == sa.bindparam("gone_start"),
    )
    if rows := [{"gone_key": key, "gone_start": start} for key, start in row_keys]:
        connection.execute(gone, rows)


def clear_rule_rows(connection: sa.Connection, table: sa.Table, *, org: str, rule: str) -> None:
    """Drop all that a rule remembers of an org."""
    connection.execute(sa.delete(table).where(table.c.org == org, table.c.rule == rule))


def expire_rows(connection: sa.Connection, table: sa.Table, *, before: int) -> None:
    """Drop what was last before that moment, in microseconds since 1970."""
    connection.execute(sa.delete(table).where(table.c.last < before))
