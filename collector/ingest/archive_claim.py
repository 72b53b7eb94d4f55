"""Holds an archive against the ledger that is to speak for it, before anything is written."""

from __future__ import annotations

import uuid
from pathlib import Path

from collector.archive import ledger_marker
from collector.archive.stray_files import list_event_files
from collector.errors import ArchiveWithoutLedgerError
from collector.store import ledger, ledger_identity
from collector.store.database import Database


def claim_archive(database: Database, root: Path) -> None:
    """Make sure that the archive below `root` is the one that the database commits to.

    An archive of before this was written down is recognised by a committed file that lies in it.

    Raises:
        ArchiveWithoutLedger: it holds events of which the database knows nothing.
    """
    with database.read() as connection:
        ours = ledger_identity.read_ledger_id(connection)
        committed = ledger.list_archive_files(connection)
    theirs = ledger_marker.read_ledger_id(root)
    if theirs is not None and theirs == ours:
        return
    found = sum(1 for _ in list_event_files(root))
    is_known = theirs is None and any((root / file.path).exists() for file in committed)
    if found and not is_known:
        raise ArchiveWithoutLedgerError(_explain_conflict(root, found))
    ours = ours or str(uuid.uuid4())
    with database.begin() as connection:
        if ledger_identity.read_ledger_id(connection) is None:
            ledger_identity.insert_ledger_id(connection, ours)
    ledger_marker.write_ledger_id(root, ours)


def _explain_conflict(root: Path, found: int) -> str:
    return (
        f"the archive {root} holds {found:,} event files, and the state database is not the one"
        " that knows them. Nothing was changed. Check `state_dir` and `database_url`; if the"
        f" database was lost, restore it ({root.parent / 'state.db'}) from a backup; to begin anew,"
        f" move {root} away first"
    )
