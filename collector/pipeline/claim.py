"""Holds an archive against the ledger that is to speak for it, before anything is written."""

from __future__ import annotations

import uuid
from pathlib import Path

from collector.archive import owner
from collector.archive.strays import list_event_files
from collector.errors import ArchiveWithoutLedger
from collector.store import identity, ledger
from collector.store.database import Database


def claim_archive(database: Database, root: Path) -> None:
    """Make sure that the archive below `root` is the one that the database commits to.

    An archive of before this was written down is recognised by a committed file that lies in it.

    Raises:
        ArchiveWithoutLedger: it holds events of which the database knows nothing.
    """
    with database.read() as connection:
        ours = identity.read_ledger_id(connection)
        committed = ledger.archive_files(connection)
    theirs = owner.read_ledger_id(root)
    if theirs is not None and theirs == ours:
        return
    found = sum(1 for _ in list_event_files(root))
    is_known = theirs is None and any((root / file.path).exists() for file in committed)
    if found and not is_known:
        raise ArchiveWithoutLedger(_explain(root, found))
    ours = ours or str(uuid.uuid4())
    with database.begin() as connection:
        if identity.read_ledger_id(connection) is None:
            identity.set_ledger_id(connection, ours)
    owner.write_ledger_id(root, ours)


def _explain(root: Path, found: int) -> str:
    return (
        f"the archive {root} holds {found:,} event files, and the state database is not the one"
        " that knows them. Nothing was changed. Check `state_dir` and `database_url`; if the"
        f" database was lost, restore it ({root.parent / 'state.db'}) from a backup; to begin anew,"
        f" move {root} away first"
    )
