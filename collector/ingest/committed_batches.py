"""The events of a batch that is committed: in files of its own, and in compacted ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from collector.archive import parquet_sql
from collector.escaping import quote_literal
from collector.evaluation.event_views import EventViews
from collector.evaluation.temp_tables import TempTables
from collector.ingest.ingest_context import IngestContext
from collector.model import ArchiveFile
from collector.store import compacted_files, ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedBatch:
    """A committed batch, as rules look at it.

    Attributes:
        events: the views of its org, with its own events as those that it brings.
        files: where they are; times and rows are those of its own events at most.
    """

    events: EventViews
    files: tuple[ArchiveFile, ...]


def open_committed_batch(
    context: IngestContext, key: str, cursor: duckdb.DuckDBPyConnection, temp_tables: TempTables
) -> CommittedBatch | None:
    """The events of a batch; None where the archive has none of them, or none that can be read.

    They last as long as the temporary tables.
    """
    with context.database.read() as connection:
        own = ledger.read_ledger_batch(connection, key).files
        shared = compacted_files.list_compacted_files(connection, key)
    own = context.guard.select_sound_files(own)
    compacted = context.guard.select_sound_files(shared)
    files = [*own, *compacted]
    if not files:
        return None
    relation = parquet_sql.build_relation(context.paths.archive.locate_files(files))
    if compacted:
        # Of a compacted file it is a small part, which is looked for once, and not for each rule.
        relation = temp_tables.create_table(
            f"SELECT * FROM {relation} WHERE batch = {quote_literal(key)}"
        )
        files = _narrow_files(cursor, relation, files)
        if not files:
            return None
    events = replace(
        context.committed.build_event_views(files[0].org, cursor),
        event_type=files[0].event_type,
        committed_events=relation,
        temp_tables=temp_tables,
    )
    return CommittedBatch(events=events, files=tuple(files))


def _narrow_files(
    cursor: duckdb.DuckDBPyConnection, table: str, files: Sequence[ArchiveFile]
) -> list[ArchiveFile]:
    """The files without the times of other batches' events; none where the table is empty."""
    row = cursor.execute(f"SELECT count(*), min(time), max(time) FROM {table}").fetchone()
    if row is None or not row[0]:
        return []
    rows, first, last = row
    return [
        replace(
            file,
            rows=min(file.rows, rows),
            first_time=max(file.first_time, first),
            last_time=min(file.last_time, last),
        )
        for file in files
    ]
