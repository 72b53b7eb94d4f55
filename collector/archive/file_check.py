"""Tells whether a file of events is what was committed, down to its last value."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import duckdb

from collector.archive.file_hash import compute_sha256
from collector.archive.parquet_sql import FileLocation, build_relation
from collector.errors import CollectorError
from collector.model import ArchiveFile

_MACHINE_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What the machine lacks when these are raised says nothing of the file."""


def is_present(path: str, size: int) -> bool:
    """Whether a file is there as committed, so that `describe_absence` has nothing to say."""
    try:
        status = os.stat(path)  # noqa: PTH116 - there may be a million of them
    except OSError:
        return False
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_size == size
        # Of its owner the mode says it, and saves every second look.
        and (_may_owner_read(status) or os.access(path, os.R_OK))
    )


def _may_owner_read(status: os.stat_result) -> bool:
    """Whether we own the file, and its owner may read it."""
    return status.st_uid == os.getuid() and bool(status.st_mode & stat.S_IRUSR)


def describe_absence(path: Path, file: ArchiveFile) -> str | None:
    """Why a file is not there as it was committed; None where it is, whatever is in it."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "it is not there"
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return "it is no file"
    if status.st_size != file.bytes:
        return f"it has {status.st_size:,} bytes of {file.bytes:,}"
    return None if os.access(path, os.R_OK) else "it may not be read by this user"


def is_special(path: Path) -> bool:
    """Whether a pipe, a socket or a device is there: opening or reading it may not end."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def describe_alteration(path: Path, file: ArchiveFile) -> str | None:
    """Why a file's bytes are not those that were committed; None where they are.

    None, too, where nobody knows their hash, or the machine lacks what it takes to read them.
    """
    absence = describe_absence(path, file)
    if absence is not None or not file.sha256:
        return absence
    try:
        digest = compute_sha256(path)
    except FileNotFoundError:
        return "it is not there"
    except OSError as error:
        return None if error.errno in _MACHINE_ERRORS else f"it cannot be read: {error.strerror}"
    return None if digest == file.sha256 else "its bytes are not those that were committed"


def describe_damage(
    connection: duckdb.DuckDBPyConnection, location: FileLocation, file: ArchiveFile
) -> str | None:
    """Why the values of a file cannot be read; None where all of them can.

    That the machine lacks memory or descriptors for it says nothing of the file.
    """
    relation = build_relation([location])
    try:
        row = connection.execute(f"SELECT count(*), max(hash(f)) FROM {relation} f").fetchone()
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        return None
    except duckdb.Error as error:
        if any(os.strerror(number) in str(error) for number in _MACHINE_ERRORS):
            return None
        reason = str(error).split("\n\n", maxsplit=1)[0].replace(location, file.path)
        return f"it cannot be read: {reason}"
    # Where the bytes are those that were committed, it is the ledger that counts wrong.
    if not file.sha256 and (row is None or row[0] != file.rows):
        return f"it has {row[0] if row else 0:,} events of {file.rows:,}"
    return None


def count_events(connection: duckdb.DuckDBPyConnection, location: FileLocation) -> int:
    """How many events a file says that it has. Raises duckdb.Error where it cannot be read."""
    row = connection.execute(f"SELECT count(*) FROM {build_relation([location])}").fetchone()
    return int(row[0]) if row else 0


def check_folder(root: Path) -> None:
    """Raise CollectorError where an archive's folder cannot be listed."""
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise CollectorError(
            f"the archive {root} cannot be read: {error.strerror}. Is its volume mounted, and may"
            " this user read it?"
        ) from None
