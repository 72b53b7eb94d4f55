"""Which rules remember the past of an org, and of which form of the rule that memory is."""

from __future__ import annotations

import sqlalchemy as sa

from collector.store import tables
from collector.store.upsert import upsert_row

FIRST_SEEN_KIND, BASELINE_KIND = "first_seen", "baseline"


def read_fingerprints(connection: sa.Connection, *, org: str, kind: str) -> dict[str, str]:
    """By name, the fingerprint of every rule of a kind that remembers something of the org."""
    table = tables.rule_fingerprints
    query = sa.select(table.c.rule, table.c.fingerprint).where(
        table.c.org == org, table.c.kind == kind
    )
    return {row.rule: row.fingerprint for row in connection.execute(query)}


def save_fingerprint(
    connection: sa.Connection, *, org: str, kind: str, rule: str, fingerprint: str
) -> None:
    """Record of which form of the rule its memory is."""
    values = {"org": org, "kind": kind, "rule": rule, "fingerprint": fingerprint}
    upsert_row(connection, tables.rule_fingerprints, values)


def delete_fingerprint(connection: sa.Connection, *, org: str, kind: str, rule: str) -> None:
    """Delete the fingerprint of a rule's memory."""
    table = tables.rule_fingerprints
    connection.execute(
        sa.delete(table).where(table.c.org == org, table.c.kind == kind, table.c.rule == rule)
    )
