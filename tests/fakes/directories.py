"""Versions of a directory, as whoever reads an org stores them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from collector.store import tables
from collector.store.database import Database

ORG = "acme"


def store_version(
    database: Database,
    entry_id: str,
    valid_from: datetime,
    values: Mapping[str, Any],
    *,
    kind: str = "user",
    org: str = ORG,
) -> None:
    row = {"org": org, "kind": kind, "id": entry_id, "valid_from": valid_from}
    noticed = datetime(2026, 3, 5, tzinfo=UTC)
    with database.begin() as connection:
        connection.execute(
            tables.directory_entries.insert().values(**row, noticed=noticed, values=dict(values))
        )


def build_user(name: str = "Ada Lovelace", username: str = "ada@acme.com", **values: Any) -> dict:
    return {"name": name, "username": username, **values}
