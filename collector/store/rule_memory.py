"""Deletes rows of the memories of rules: by org, rule, key and start, or what is too old."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from collector.clock import to_micros
from collector.store import rule_fingerprints, tables
from collector.store.rule_fingerprints import BASELINE_KIND, FIRST_SEEN_KIND

_TABLES_BY_KIND = MappingProxyType(
    {FIRST_SEEN_KIND: tables.first_seen_runs, BASELINE_KIND: tables.baseline_windows}
)


def delete_rows(
    connection: sa.Connection,
    table: sa.Table,
    *,
    org: str,
    rule: str,
    row_keys: Iterable[tuple[str, int]],
) -> None:
    """Drop the rows with these keys and starts."""
    statement = sa.delete(table).where(
        table.c.org == org,
        table.c.rule == rule,
        table.c.key == sa.bindparam("row_key"),
        table.c.start == sa.bindparam("row_start"),
    )
    if rows := [{"row_key": key, "row_start": start} for key, start in row_keys]:
        connection.execute(statement, rows)


def forget_rule(connection: sa.Connection, *, org: str, kind: str, rule: str) -> None:
    """Drop all that a rule of a kind remembers of an org, and the fingerprint of that memory."""
    table = _TABLES_BY_KIND[kind]
    connection.execute(sa.delete(table).where(table.c.org == org, table.c.rule == rule))
    rule_fingerprints.delete_fingerprint(connection, org=org, kind=kind, rule=rule)


def list_remembering_rules(connection: sa.Connection) -> list[str]:
    """The rules that remember something of some org."""
    column = tables.rule_fingerprints.c.rule
    return list(connection.scalars(sa.select(column).distinct().order_by(column)))


def expire_rule_memory(connection: sa.Connection, rule: str, *, before: datetime) -> int:
    """Drop what a rule remembers that was last before then, of all orgs; how many rows it were."""
    micros = to_micros(before)
    return sum(
        connection.execute(
            sa.delete(table).where(table.c.last < micros, table.c.rule == rule)
        ).rowcount
        for table in _TABLES_BY_KIND.values()
    )
