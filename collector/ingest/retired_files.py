"""Deletes the files that the ledger has no more, once nobody reads them."""

from __future__ import annotations

from datetime import datetime, timedelta

from collector.archive.store import ArchiveStore
from collector.ingest.batches_at_work import BatchesAtWork
from collector.logs import log
from collector.store import retired_files
from collector.store.database import Database
from collector.store.retired_files import RetiredFile

GRACE = timedelta(hours=1)
"""Whoever looked a file up before it was retired has so long to read it."""


def delete_retired_files(
    database: Database, archive: ArchiveStore, at_work: BatchesAtWork, *, now: datetime
) -> int:
    """Delete the retired files whose time is over; return how many were.

    A file that is committed again, since its batch was read again, stays. One whose batch is being
    taken in may be about to be: it waits for the next time.
    """
    with database.read() as connection:
        # A clock that was set back must not keep them for ever.
        retired = retired_files.list_retired_files(connection, outside=(now - GRACE, now))
    deleted: list[str] = []
    committed: list[str] = []
    for each in retired:
        if (each.batch or "") in at_work:
            continue
        with at_work.hold_batch(each.batch or each.file.path):
            if _is_committed(database, each):
                committed.append(each.file.path)
            elif _delete_file(archive, each):
                deleted.append(each.file.path)
    if retired:
        with database.begin() as connection:
            retired_files.forget_retired_files(connection, [*deleted, *committed])
    return len(deleted)


def _is_committed(database: Database, retired: RetiredFile) -> bool:
    with database.read() as connection:
        return retired_files.is_committed(connection, retired.file.path)


def _delete_file(archive: ArchiveStore, retired: RetiredFile) -> bool:
    try:
        archive.delete_file(retired.file)
    except OSError as error:
        path = retired.file.path
        log.warning("retired_file_stays", path=path, reason=str(error.strerror))
        return False
    return True
