"""What a source has stored of objects that come and go: bulk jobs, OAuth tokens."""

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
    """What a source has stored of an org's objects, by id."""
    table = tables.tracked_objects
    query = sa.select(table.c.id, table.c.state).where(table.c.org == org, table.c.source == source)
    return {row.id: row.state for row in connection.execute(query)}


def save_object_states(connection: sa.Connection, batch: Batch) -> None:
    """Write the state updates of a batch; an object without a state is deleted."""
    if not batch.state_updates:
        return
    table = tables.tracked_objects
    owner = {"org": batch.stream.org, "source": batch.stream.source}
    for chunk in split_chunks(batch.state_updates):
        connection.execute(
            sa.delete(table).where(
                table.c.org == owner["org"],
                table.c.source == owner["source"],
                table.c.id.in_(chunk),
            )
        )
    rows = [
        {**owner, "id": object_id, "state": dict(state)}
        for object_id, state in batch.state_updates.items()
        if state is not None
    ]
    if rows:
        connection.execute(sa.insert(table), rows)
