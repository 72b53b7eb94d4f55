"""Builds the ledger of an archive from its files, after the state was lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import duckdb
import sqlalchemy as sa

from collector.archive.found_files import FoundFile
from collector.errors import ArchiveWithoutLedgerError
from collector.ingest import quarantine
from collector.ingest.state_paths import StatePaths
from collector.model import (
    ArchiveFile,
    Batch,
    BatchState,
    Cursor,
    LogFileFacts,
    ObservationFacts,
    RowCountFacts,
    Stream,
    StreamPurpose,
    WindowFacts,
)
from collector.sources import SOURCES
from collector.store import ledger, ledger_identity, stream_coverage
from collector.store.chunks import split_chunks
from collector.store.database import Database

LOG_FILES = "event_log_file"

RELISTED_SPAN = timedelta(days=1)
"""How far before the newest log file of an earlier version files are listed again: such a file does
not say when its org made it."""

HOURLY_SPAN = timedelta(hours=1, minutes=5)
"""The events of an hourly log file lie nearer to each other."""

LAST_FILE_REASON = "the state was lost while it may have been taken in: it is read again"

_WINDOWED_SOURCES = frozenset(spec.kind for spec in SOURCES if spec.windowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedFiles:
    """What a ledger was built from.

    Attributes:
        undescribed_count: files of an earlier version, which do not say of themselves what they
            are; the ledger has of them what their events tell.
        unreadable: by their places, why files were left out.
    """

    file_count: int = 0
    batch_count: int = 0
    event_count: int = 0
    undescribed_count: int = 0
    unreadable: Mapping[str, str] = field(default_factory=dict)


def adopt_files(
    database: Database,
    connection: duckdb.DuckDBPyConnection,
    paths: StatePaths,
    report_progress: Callable[[float], object],
) -> AdoptedFiles:
    """Enter the files of an archive that the ledger does not know, and where each stream stands.

    Until `finish_adoption` nobody works with them. Run again after an interruption, it goes on.
    `report_progress` is given the share, 0 to 1, that was read since the last call.

    Raises:
        ArchiveWithoutLedgerError: the ledger is that of another archive.
    """
    _claim_archive(database, paths)
    found, unreadable = _read_files(database, connection, paths, report_progress)
    batches = _group_by_batch(_name_log_streams(found))
    entries = _build_entries(batches, paths)
    for chunk in split_chunks(sorted(batches)):
        with database.begin() as state:
            for key in chunk:
                _record_batch(state, *batches[key], entries[key])
    with database.begin() as state:
        _save_cursors(state, [batch for batch, _ in batches.values()])
    return AdoptedFiles(
        file_count=len(found),
        batch_count=len(batches),
        event_count=sum(one.file.rows for one in found),
        undescribed_count=sum(not one.is_described for one in found),
        unreadable=unreadable,
    )


def is_adopted(database: Database) -> bool:
    """Whether the ledger has an archive, but for files that it does not know."""
    with database.read() as state:
        return ledger_identity.read_ledger_id(state) is not None


def finish_adoption(database: Database, paths: StatePaths) -> None:
    """Let the ledger be that of the archive from now on."""
    if not is_adopted(database):
        with database.begin() as state:
            ledger_identity.insert_ledger_id(state, paths.archive.read_ledger_id() or "")


def _claim_archive(database: Database, paths: StatePaths) -> None:
    """Give the archive an id at once, and the ledger the same when it is complete.

    As long as they differ, nobody takes the files that are not entered yet for strays.
    """
    with database.read() as state:
        database_id = ledger_identity.read_ledger_id(state)
        is_empty = not ledger.list_archived_orgs(state)
    archive_id = paths.archive.read_ledger_id()
    if archive_id is None:
        paths.archive.write_ledger_id(database_id or str(uuid.uuid4()))
    elif database_id not in (None, archive_id) and not is_empty:
        raise ArchiveWithoutLedgerError(
            f"the state database is that of another archive than {paths.archive.place}, and it has"
            " events of its own. Nothing was changed. Check `state_dir` and `database_url`"
        )
    elif database_id is not None:
        paths.archive.write_ledger_id(database_id)


def _read_files(
    database: Database,
    connection: duckdb.DuckDBPyConnection,
    paths: StatePaths,
    report_progress: Callable[[float], object],
) -> tuple[list[FoundFile], dict[str, str]]:
    with database.read() as state:
        committed = ledger.list_archive_files(state)
    places = paths.archive.list_uncommitted_paths(committed)
    found: list[FoundFile] = []
    unreadable: dict[str, str] = {}
    for place in places:
        try:
            found.append(paths.archive.read_found_file(connection, place))
        except (duckdb.Error, ValueError, OSError) as error:
            unreadable[place] = str(error).split("\n\n", maxsplit=1)[0]
        report_progress(1 / len(places))
    return found, unreadable


def _name_log_streams(found: Sequence[FoundFile]) -> Iterator[FoundFile]:
    """Log files of earlier versions as those of the stream that their org has: all are of one."""
    daily_orgs = {
        one.file.org
        for one in found
        if one.batch.stream.source == LOG_FILES
        and one.file.last_time - one.file.first_time > HOURLY_SPAN
    }
    for one in found:
        if one.is_described or one.batch.stream.source != LOG_FILES:
            yield one
            continue
        name = "daily" if one.file.org in daily_orgs else "hourly"
        stream = replace(one.batch.stream, name=name)
        yield replace(one, batch=replace(one.batch, stream=stream))


_BatchFiles = tuple[Batch, list[ArchiveFile]]


def _group_by_batch(found: Iterator[FoundFile]) -> dict[str, _BatchFiles]:
    batches: dict[str, _BatchFiles] = {}
    for one in found:
        batches.setdefault(one.batch.key, (one.batch, []))[1].append(one.file)
    return batches


def _build_entries(
    batches: Mapping[str, _BatchFiles], paths: StatePaths
) -> dict[str, ledger.LedgerEntry]:
    quarantined = {one.batch.key: one for one in quarantine.list_batches(paths.quarantine)}
    last_keys = set(_find_last_log_files([batch for batch, _ in batches.values()]))
    entries: dict[str, ledger.LedgerEntry] = {}
    for key, (batch, files) in batches.items():
        rows = sum(file.rows for file in files)
        if key in quarantined:
            entries[key] = ledger.LedgerEntry(
                state=BatchState.QUARANTINED,
                reason="; ".join(quarantined[key].reasons),
                rows=rows,
                quarantined=len(quarantined[key].indexes),
            )
        elif key in last_keys:
            entries[key] = ledger.LedgerEntry(
                state=BatchState.DAMAGED, reason=LAST_FILE_REASON, rows=rows
            )
        else:
            duplicates = max(0, _count_served(batch) - rows)
            entries[key] = ledger.LedgerEntry(
                state=BatchState.STORED, rows=rows, duplicates=duplicates
            )
    return entries


def _find_last_log_files(batches: Sequence[Batch]) -> Iterator[str]:
    """The keys of what may have been taken in half when the state was lost: nothing says so."""
    last: dict[Stream, Batch] = {}
    for batch in batches:
        if batch.stream.source == LOG_FILES:
            other = last.get(batch.stream)
            last[batch.stream] = (
                batch if other is None else max(batch, other, key=lambda one: one.received)
            )
    return (batch.key for batch in last.values())


def _count_served(batch: Batch) -> int:
    match batch.facts:
        case WindowFacts(rows=rows) | ObservationFacts(rows=rows) | RowCountFacts(rows=rows):
            return rows
    return 0


def _record_batch(
    state: sa.Connection, batch: Batch, files: Sequence[ArchiveFile], entry: ledger.LedgerEntry
) -> None:
    """Enter a batch; where the ledger has a part of it, its files are added."""
    before = ledger.read_ledger_batch(state, batch.key)
    rows = before.entry.rows + entry.rows
    ledger.record_batch(state, batch, replace(entry, rows=rows), [*before.files, *files])
    stream_coverage.cover_batch_window(state, batch)


def _save_cursors(state: sa.Connection, batches: Sequence[Batch]) -> None:
    """Set where streams stand that have no cursor yet: never after what may be missing."""
    by_stream: dict[Stream, list[Cursor]] = {}
    for batch in batches:
        if batch.stream.purpose is StreamPurpose.LIVE:
            by_stream.setdefault(batch.stream, []).extend(_compute_cursors(batch))
    for stream, cursors in by_stream.items():
        if cursors and ledger.read_cursor(state, stream) is None:
            newest = max(cursors, key=lambda cursor: (cursor.time, cursor.tiebreaker))
            ledger.save_cursor(state, stream, newest)


def _compute_cursors(batch: Batch) -> Iterator[Cursor]:
    """Where a batch shows that its stream stood at least; nothing where the present is observed.

    The newest window is read once more: whether all of it was taken in, nothing says.
    """
    match batch.facts:
        case WindowFacts(start=start) if batch.cursor is not None:
            yield Cursor(time=start)
        case LogFileFacts() if batch.cursor is not None:
            yield batch.cursor
        case _ if batch.stream.source == LOG_FILES:
            yield Cursor(time=batch.received - RELISTED_SPAN)
        case _ if batch.stream.source in _WINDOWED_SOURCES:
            yield Cursor(time=batch.log_time)
