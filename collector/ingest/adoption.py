"""Builds the ledger of an archive from its files, after the state was lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import duckdb
import sqlalchemy as sa

from collector import clock
from collector.archive.found_files import FoundFile
from collector.archive.member_origins import count_by_batch
from collector.errors import ArchiveWithoutLedgerError, CollectorError
from collector.ingest import adopted_batches
from collector.ingest.adopted_batches import FoundBatch
from collector.ingest.adopted_damage import enter_damaged_files
from collector.ingest.folded_members import leave_folded_batches
from collector.ingest.state_paths import StatePaths
from collector.model import (
    Batch,
    Cursor,
    LogFileFacts,
    Stream,
    StreamPurpose,
    WindowFacts,
)
from collector.sources import SOURCES
from collector.sources.log_file import KIND as LOG_FILES
from collector.store import (
    batch_inventory,
    compacted_files,
    ledger,
    ledger_identity,
    listed_files,
    retired_files,
    stream_coverage,
)
from collector.store.chunks import split_chunks
from collector.store.database import Database

RELISTED_SPAN = timedelta(days=1)
"""How far before the newest log file of an earlier version files are listed again: such a file does
not say when its org made it."""

HOURLY_SPAN = timedelta(hours=1, minutes=5)
"""The events of an hourly log file lie nearer to each other."""

_WINDOWED_SOURCES = frozenset(spec.kind for spec in SOURCES if spec.windowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedFiles:
    """What a ledger was built from.

    Attributes:
        undescribed_count: files of an earlier version, which do not say of themselves what they
            are; the ledger has of them what their events tell.
        unreadable: by their places, why files cannot be read.
        damaged: those of them that are entered as damaged, and set aside; others were left out.
    """

    file_count: int = 0
    batch_count: int = 0
    event_count: int = 0
    undescribed_count: int = 0
    unreadable: Mapping[str, str] = field(default_factory=dict)
    damaged: frozenset[str] = frozenset()


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
    found = list(_name_log_streams(found))
    entered = leave_folded_batches(database, found)
    batches = adopted_batches.group_by_batch(entered)
    entries = adopted_batches.build_entries(batches, paths)
    for chunk in split_chunks(sorted(batches)):
        with database.begin() as state:
            for key in chunk:
                _record_batch(state, batches[key], entries[key])
    for one in entered:
        if one.is_compacted:
            with database.begin() as state:
                _record_compacted_file(state, one, entries)
    with database.begin() as state:
        _save_cursors(state, [one.batch for one in batches.values()])
    damaged = enter_damaged_files(database, paths, unreadable, found, now=clock.now())
    return AdoptedFiles(
        file_count=len(found),
        batch_count=len(batches),
        event_count=sum(one.file.rows for one in found),
        undescribed_count=sum(not one.is_described for one in found),
        unreadable=unreadable,
        damaged=damaged,
    )


def find_replaced_paths(
    database: Database, connection: duckdb.DuckDBPyConnection, paths: StatePaths
) -> frozenset[str]:
    """The places of what the files were made of that `adopt_files` would enter; it enters none."""
    found, _ = _read_files(database, connection, paths, lambda _: None)
    return frozenset(path for one in found for path in one.replaced_hashes)


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
        known_paths = list(retired_files.list_known_paths(state))
    places = paths.archive.list_uncommitted_paths(known_paths)
    found: list[FoundFile] = []
    unreadable: dict[str, str] = {}
    for place in places:
        try:
            found.append(paths.archive.read_found_file(connection, place))
        except (duckdb.OutOfMemoryException, duckdb.InterruptException, PermissionError) as error:
            raise CollectorError(
                f"{place} cannot be read now, which says nothing of the file: {error}"
            ) from None
        except (duckdb.Error, ValueError, OSError) as error:
            unreadable[place] = str(error).split("\n\n", maxsplit=1)[0]
        report_progress(1 / len(places))
    return _select_latest(found), unreadable


def _select_latest(found: Sequence[FoundFile]) -> list[FoundFile]:
    """The files without those whose events another one of them has, too."""
    replaced = {item for one in found for item in one.replaced_hashes.items()}
    return [
        one
        for one in found
        if replaced.isdisjoint([(one.file.path, ""), (one.file.path, one.file.sha256)])
    ]


def _name_log_streams(found: Sequence[FoundFile]) -> Iterator[FoundFile]:
    """Log files of earlier versions as those of the stream that their org has: all are of one."""
    daily_orgs = {
        one.file.org
        for one in found
        if one.members[0].batch.stream.source == LOG_FILES
        and not one.is_compacted
        and one.file.last_time - one.file.first_time > HOURLY_SPAN
    }
    for one in found:
        member = one.members[0]
        if one.is_described or member.batch.stream.source != LOG_FILES:
            yield one
            continue
        name = "daily" if one.file.org in daily_orgs else "hourly"
        stream = replace(member.batch.stream, name=name)
        named = replace(member, batch=replace(member.batch, stream=stream))
        yield replace(one, members=(named,))


def _record_batch(state: sa.Connection, found: FoundBatch, entry: ledger.LedgerEntry) -> None:
    """Enter a batch; where the ledger has a part of it, its files are added.

    One of which compacted files alone were found, and which the ledger has, may have had its events
    there all the time, in the files that these were made of: it stays what it is.
    """
    if not found.files and batch_inventory.holds_batch(state, found.batch.key):
        return
    before = ledger.read_ledger_batch(state, found.batch.key)
    rows = before.entry.rows + entry.rows
    files = [*before.files, *found.files]
    ledger.record_batch(state, found.batch, replace(entry, rows=rows), files)
    stream_coverage.cover_batch_window(state, found.batch)
    listed_files.record_fetched_file(state, found.batch)


def _record_compacted_file(
    state: sa.Connection, found: FoundFile, entries: Mapping[str, ledger.LedgerEntry]
) -> None:
    """Enter a compacted file, whose batches are there; those that it has more of are whole now."""
    members = count_by_batch(found.members)
    before = batch_inventory.count_stored_rows(state, members)
    compacted_files.adopt_compacted_file(
        state, found.file, members, found.replaced_hashes, now=clock.now()
    )
    after = batch_inventory.count_stored_rows(state, members)
    for member in found.members:
        key = member.batch.key
        if after[key] > before[key]:
            stored = ledger.read_ledger_batch(state, key)
            entry = replace(entries[key], rows=after[key])
            ledger.record_batch(state, member.batch, entry, stored.files)
            stream_coverage.cover_batch_window(state, member.batch)


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
