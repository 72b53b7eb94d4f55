"""What a source knows of things that come and go: bulk jobs, OAuth tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from collector.model import Batch
from collector.store import tables
from collector.store.chunks import split_chunks


def read_object_states(
    connection: sa.Connection, *, org: str, source: str
) -> dict[str, Mapping[str, Any]]:
    """All that a source knows of an org, by the thing's id."""
    table = tables.tracked_objects
    query = sa.select(table.c.id, table.c.state).where(table.c.org == org, table.c.source == source)
    return {row.id: row.state for row in connection.execute(query)}


def save_object_states(connection: sa.Connection, batch: Batch) -> None:
    """Make what a batch says of single things what its source knows of them."""
    if not batch.state_updates:
        return
    table = tables.tracked_objects
    owner = {"org": batch.stream.org, "source": batch.stream.source}
    ids = list(batch.state_updates)
    for chunk in split_chunks(ids):
        connection.execute(
            sa.delete(table).where(
                table.c.org == owner["org"],
                table.c.source == owner["source"],
                table.c.id.in_(chunk),
            )
        )
    rows = [
        {**owner, "id": thing, "state": dict(state)}
        for thing, state in batch.state_updates.items()
        if state is not None
    ]
    if rows:
        connection.execute(sa.insert(table), rows)
