"""Checks that an archive belongs to its ledger, before anything is written."""

from __future__ import annotations

import uuid

from collector.archive.store import ArchiveStore
from collector.errors import ArchiveWithoutLedgerError, CollectorError
from collector.store import archive_file_rows, ledger, ledger_identity
from collector.store.database import Database


def claim_archive(database: Database, archive: ArchiveStore) -> None:
    """Make sure that the archive is the one that the database commits to.

    An archive without a ledger id is recognised by a committed file that lies in it.

    Raises:
        ArchiveWithoutLedgerError: it holds events of which the database knows nothing, or it is
            empty although the database knows of some.
    """
    with database.read() as connection:
        database_id = ledger_identity.read_ledger_id(connection)
        committed_count = archive_file_rows.count_files(connection)
    archive_id, has_files = archive.read_ledger_id(), archive.has_event_files()
    if committed_count and not has_files:
        raise ArchiveWithoutLedgerError(_explain_emptiness(database, archive, committed_count))
    if archive_id is not None and archive_id == database_id:
        return
    is_known = archive_id is None and _has_committed_file(database, archive)
    if has_files and not is_known:
        file_count = archive.count_event_files()
        raise ArchiveWithoutLedgerError(explain_conflict(database.place, archive, file_count))
    database_id = database_id or str(uuid.uuid4())
    with database.begin() as connection:
        if ledger_identity.read_ledger_id(connection) is None:
            ledger_identity.insert_ledger_id(connection, database_id)
    archive.write_ledger_id(database_id)


def check_archive_known(database: Database, archive: ArchiveStore) -> None:
    """Make sure that what the database says is about this archive, without a change to either.

    An archive that may not be read is not judged.

    Raises:
        ArchiveWithoutLedgerError: it holds events of which the database knows nothing.
    """
    with database.read() as connection:
        database_id = ledger_identity.read_ledger_id(connection)
    try:
        archive_id = archive.read_ledger_id()
        if database_id is not None and archive_id in (None, database_id):
            return
        is_known = archive_id is None and _has_committed_file(database, archive)
        file_count = 0 if is_known else archive.count_event_files()
    except OSError:
        return
    if file_count:
        raise ArchiveWithoutLedgerError(explain_conflict(database.place, archive, file_count))


def require_archive(database: Database, archive: ArchiveStore) -> None:
    """Raise CollectorError where the archive is not there any more, or is another one."""
    with database.read() as connection:
        database_id = ledger_identity.read_ledger_id(connection)
    if archive.read_ledger_id() != database_id:
        raise CollectorError(
            f"the archive {archive.place} is not there, or it is another one: is its volume"
            " mounted? Nothing was changed"
        )


def explain_conflict(database_place: str, archive: ArchiveStore, file_count: int) -> str:
    """Why nobody works with an archive whose files the database does not know, and what to do."""
    return (
        f"the archive {archive.place} holds {file_count:,} event files, and the state database"
        f" {database_place} is not the one that knows them. Nothing was changed. Check `state_dir`"
        " and `database_url`; if the database was lost, restore it (`collector restore`), or let"
        " `collector archive adopt` build it again from these files; to begin anew, move"
        f" {archive.place} away first"
    )


def _has_committed_file(database: Database, archive: ArchiveStore) -> bool:
    """Whether a file that the ledger names lies in the archive."""
    with database.read() as connection:
        committed = ledger.list_archive_files(connection)
    return any(archive.measure_file(file) is not None for file in committed)


def _explain_emptiness(database: Database, archive: ArchiveStore, file_count: int) -> str:
    return (
        f"the state database {database.place} knows {file_count:,} event files, and the archive"
        f" {archive.place} holds none. Nothing was changed. Is its volume mounted? If the files are"
        " lost, `collector archive adopt` says so of them, and what Salesforce still has is fetched"
        " again"
    )
