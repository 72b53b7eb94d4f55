"""Reads committed files whole, and writes down what was found; it needs no lock.

A file that is altered is reported: whoever has the lock looks again, and sets it aside.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector import clock
from collector.archive.file_verification import FileVerdict, OpenCursor, verify_file
from collector.archive.store import ArchiveStore
from collector.ingest.file_guard import FileGuard
from collector.logs import log
from collector.model import ArchiveFile
from collector.store import file_verification, reported_damage
from collector.store.database import Database


def verify_committed_file(
    database: Database, archive: ArchiveStore, open_cursor: OpenCursor, file: ArchiveFile
) -> FileVerdict | None:
    """What is with a file; None where it is committed no more, or about to be written anew.

    Others go on working: a file may be written anew, replaced or removed while it is read.
    """
    while True:
        verdict = verify_file(archive, open_cursor, file)
        if not verdict.reason:
            return verdict
        with database.read() as connection:
            settled = file_verification.find_settled_file(connection, file.path)
        if settled is None:
            return None
        if settled == file:
            return verdict
        file = settled


def record_verdicts(database: Database, verdicts: Sequence[FileVerdict]) -> None:
    """Keep the hashes that sound files have lacked, and report those that are altered."""
    hashed = [each.file for each in verdicts if not each.reason and not each.had_hash]
    altered = [each for each in verdicts if each.reason and not each.is_miscounted]
    reasons = {each.file.path: each.reason for each in altered}
    if not hashed and not reasons:
        return
    with database.begin() as connection:
        file_verification.save_hashes(connection, hashed)
        reported_damage.report_damage(connection, reasons, now=clock.now())


def settle_reports(database: Database, guard: FileGuard) -> None:
    """Look at all files that were reported, and set those aside that are altered.

    Only for who has the lock, and nothing is committed meanwhile.

    Raises CollectorError where the whole archive is gone.
    """
    with database.read() as connection:
        paths = reported_damage.list_reports(connection)
    for path in paths:
        with database.read() as connection:
            file = file_verification.find_settled_file(connection, path)
        if file is not None and guard.check_files([file]):
            log.info("reported_file_is_sound", path=path)
        with database.begin() as connection:
            reported_damage.delete_report(connection, path)
