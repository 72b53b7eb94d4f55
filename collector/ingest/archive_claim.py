"""Holds an archive against the ledger that is to speak for it, before anything is written."""

from __future__ import annotations

import uuid
from pathlib import Path

from collector.archive.store import ArchiveStore
from collector.errors import ArchiveWithoutLedgerError
from collector.store import ledger, ledger_identity
from collector.store.database import Database


def claim_archive(database: Database, archive: ArchiveStore, *, state_dir: Path) -> None:
    """Make sure that the archive is the one that the database commits to.

    An archive of before this was written down is recognised by a committed file that lies in it.

    Raises:
        ArchiveWithoutLedgerError: it holds events of which the database knows nothing.
    """
    with database.read() as connection:
        ours = ledger_identity.read_ledger_id(connection)
        committed = ledger.list_archive_files(connection)
    theirs = archive.read_ledger_id()
    if theirs is not None and theirs == ours:
        return
    found = archive.count_event_files()
    is_known = theirs is None and any(archive.measure_file(file) is not None for file in committed)
    if found and not is_known:
        raise ArchiveWithoutLedgerError(_explain_conflict(archive, state_dir, found))
    ours = ours or str(uuid.uuid4())
    with database.begin() as connection:
        if ledger_identity.read_ledger_id(connection) is None:
            ledger_identity.insert_ledger_id(connection, ours)
    archive.write_ledger_id(ours)


def _explain_conflict(archive: ArchiveStore, state_dir: Path, found: int) -> str:
    return (
        f"the archive {archive.place} holds {found:,} event files, and the state database is not"
        " the one that knows them. Nothing was changed. Check `state_dir` and `database_url`; if"
        f" the database was lost, restore it ({state_dir / 'state.db'}) from a backup; to begin"
        f" anew, move {archive.place} away first"
    )
