"""The id of a ledger, by which an archive recognises it."""

from __future__ import annotations

import sqlalchemy as sa

from collector.store import tables

_SINGLE_ROW_ID = 1
"""The table has one row."""


def read_ledger_id(connection: sa.Connection) -> str | None:
    """The id; None before it was set."""
    ledger_id: str | None = connection.scalar(sa.select(tables.ledger_identity.c.uuid))
    return ledger_id


def insert_ledger_id(connection: sa.Connection, ledger_id: str) -> None:
    """Give the ledger its id, once and for all: it must not have one."""
    connection.execute(sa.insert(tables.ledger_identity).values(id=_SINGLE_ROW_ID, uuid=ledger_id))
