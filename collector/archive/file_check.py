"""Tells whether a file of events can be read, down to its last value."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import duckdb

from collector.archive.parquet_sql import FileLocation, build_relation
from collector.errors import CollectorError
from collector.model import ArchiveFile


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
        if os.strerror(errno.EMFILE) in str(error):
            return None
        reason = str(error).split("\n\n", maxsplit=1)[0].replace(location, file.path)
        return f"it cannot be read: {reason}"
    if row is None or row[0] != file.rows:
        return f"it has {row[0] if row else 0:,} events of {file.rows:,}"
    return None


def check_folder(root: Path) -> None:
    """Raise CollectorError where an archive's folder cannot be listed."""
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise CollectorError(
            f"the archive {root} cannot be read: {error.strerror}. Is its volume mounted, and may"
            " this user read it?"
        ) from None
