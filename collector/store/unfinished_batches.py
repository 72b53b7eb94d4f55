"""Batches that are committed in parts: how far each is, and whose matches are not folded yet."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from collector.store import tables
from collector.store.upsert import upsert_row


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch is.

    Attributes:
        segments: how many of its segments, from the first on, are committed; 0 once all are.
        has_unfolded_matches: whether matches of its committed events are not in alerts yet.
    """

    segments: int = 0
    has_unfolded_matches: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfoldedBatch:
    """A committed batch of which not all matches are in alerts yet."""

    key: str
    org: str


WHOLE_BATCH = BatchProgress()
"""Nothing is missing."""


def save_progress(connection: sa.Connection, key: str, progress: BatchProgress) -> None:
    """Write how far a batch is; one with nothing left to do is forgotten."""
    table = tables.unfinished_batches
    if progress == WHOLE_BATCH:
        connection.execute(sa.delete(table).where(table.c.key == key))
        return
    upsert_row(
        connection,
        table,
        {
            "key": key,
            "segments": progress.segments,
            "unfolded": progress.has_unfolded_matches,
        },
    )


def read_progress(connection: sa.Connection, key: str) -> BatchProgress:
    """How far a batch is; nothing is left to do for one that is whole, or that nobody knows."""
    table = tables.unfinished_batches
    row = connection.execute(sa.select(table).where(table.c.key == key)).first()
    if row is None:
        return WHOLE_BATCH
    return BatchProgress(segments=row.segments, has_unfolded_matches=row.unfolded)


def list_unfolded_batches(connection: sa.Connection) -> list[UnfoldedBatch]:
    """The batches whose matches are not all in alerts, in the order in which they came."""
    table, batches = tables.unfinished_batches, tables.batches
    query = (
        sa.select(batches.c.key, batches.c.org)
        .join(table, table.c.key == batches.c.key)
        .where(table.c.unfolded)
        .order_by(batches.c.received, batches.c.key)
    )
    return [UnfoldedBatch(key=row.key, org=row.org) for row in connection.execute(query)]
