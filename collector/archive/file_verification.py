"""Compares committed files with what the ledger says of them, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import duckdb

from collector.archive.store import ArchiveStore
from collector.model import ArchiveFile

OpenCursor = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
"""A connection to the engine for one thread, until the block ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVerdict:
    """What a look at a whole file has found.

    `file` has its hash now, also one that it lacked, where it is sound. `reason` says why it is
    not; empty where it is. `is_miscounted` says that the file is what was committed, and that the
    ledger is wrong about it.
    """

    file: ArchiveFile
    reason: str = ""
    had_hash: bool = True
    is_miscounted: bool = False


def verify_file(archive: ArchiveStore, open_cursor: OpenCursor, file: ArchiveFile) -> FileVerdict:
    """Read a committed file whole.

    By its hash; one that has none is read down to its last value, and its hash computed.
    """
    if file.sha256:
        return _verify_hashed(archive, open_cursor, file)
    with open_cursor() as cursor:
        reason = archive.describe_damage(cursor, file) or ""
    if reason:
        return FileVerdict(file=file, reason=reason, had_hash=False)
    try:
        sha256 = archive.compute_hash(file)
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}"
        return FileVerdict(file=file, reason=reason, had_hash=False)
    return FileVerdict(file=replace(file, sha256=sha256), had_hash=False)


def _verify_hashed(
    archive: ArchiveStore, open_cursor: OpenCursor, file: ArchiveFile
) -> FileVerdict:
    reason = archive.describe_alteration(file)
    if reason is not None:
        return FileVerdict(file=file, reason=reason)
    try:
        with open_cursor() as cursor:
            count = archive.count_events(cursor, file)
    except duckdb.Error:  # replaced since: whoever asks looks again
        return FileVerdict(file=file, reason=archive.describe_alteration(file) or "")
    if count == file.rows:
        return FileVerdict(file=file)
    reason = f"it has {count:,} events, and the ledger says {file.rows:,}"
    return FileVerdict(file=file, reason=reason, is_miscounted=True)
