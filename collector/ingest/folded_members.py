"""Batches that a ledger only counts, and the footer of a found file names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from collector.archive.found_files import FoundFile
from collector.model import WindowFacts
from collector.store import compacted_files, folded_events
from collector.store.database import Database


def leave_folded_batches(database: Database, found: Iterable[FoundFile]) -> list[FoundFile]:
    """Found files without the members that the ledger counts already, of what they were made from.

    Which these are, no row says: the oldest query windows that the ledger does not have, as many as
    have the events that it counts of those files.
    """
    with database.read() as state:
        return [_leave_folded_batches(state, one) for one in found]


def _leave_folded_batches(state: sa.Connection, found: FoundFile) -> FoundFile:
    count = folded_events.sum_folded_events(state, found.replaced_hashes)
    if not count:
        return found
    keys = [member.batch.key for member in found.members]
    known_keys = compacted_files.read_batches(state, keys).keys()
    unknown = [
        member
        for member in found.members
        if member.batch.key not in known_keys and isinstance(member.batch.facts, WindowFacts)
    ]
    folded_keys: set[str] = set()
    for member in sorted(unknown, key=lambda one: (one.batch.log_time, one.batch.key)):
        if member.rows <= count:
            folded_keys.add(member.batch.key)
            count -= member.rows
    members = tuple(one for one in found.members if one.batch.key not in folded_keys)
    return replace(found, members=members)
