"""Connections to a state database that is a file, and what becomes of that file meanwhile."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from collector import clock
from collector.durable_files import sync_path
from collector.errors import StateDatabaseError
from collector.store.damaged_cells import mend_row, parse_json_cell
from collector.store.file_lock_holders import describe_lock_holders

DATABASE_FILE_NAME = "state.db"

_BUSY_SECONDS = 5.0
_RETRY_SECONDS = 0.02
_PRIMARY_CODE_MASK = 0xFF
_WRITING_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
)
_READING_PRAGMAS = ("trusted_schema = OFF",)


def create_file(path: Path) -> None:
    """Create an empty database, for its owner alone, where there is none.

    Raises:
        StateDatabaseError: something else is there.
    """
    if not os.path.lexists(path):
        flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW
        os.close(os.open(path, flags, 0o600))
    _require_file(path)


def create_engine(path: Path) -> sa.Engine:
    """An engine for a file that is there; it never makes one."""
    return _build_engine(path, partial(_connect, path, "mode=rw", _WRITING_PRAGMAS))


def create_reading_engine(path: Path) -> sa.Engine:
    """An engine that asks for no more than reading takes.

    Where its folder cannot be written, the file is read as it is: nobody else writes there either,
    but for another user, of whose last transactions it may then show nothing.
    """
    _require_file(path)
    return _build_engine(path, partial(_connect_reading, path))


def is_lock_error(error: sqlite3.Error) -> bool:
    """Whether SQLite has waited in vain for a lock that another process holds."""
    code = getattr(error, "sqlite_errorcode", None)  # not of errors that Python itself raises
    return code is not None and code & _PRIMARY_CODE_MASK == sqlite3.SQLITE_BUSY


def describe_lock(engine: sa.Engine) -> str:
    """What to say of a database that is locked: who may have done it, and what to do."""
    holders = describe_lock_holders(Path(get_path(engine)))
    held = f"by {holders}" if holders else "by another process"
    return (
        f"is locked {held}, which did not let go of it for {_BUSY_SECONDS:.0f} seconds: a collector"
        " at work on much, a backup, or a program that has it open. Nothing was changed; try again"
        " in a moment, or end that process"
    )


def get_path(engine: sa.Engine) -> str:
    """The path of the file of an engine."""
    return str(engine.url.database)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFile:
    """The file that was opened, which is not another one that came to its place."""

    path: Path
    device: int
    inode: int

    @classmethod
    def find(cls, path: Path) -> DatabaseFile:
        """The file that is at a path now."""
        status = path.stat()
        return cls(path=path, device=status.st_dev, inode=status.st_ino)

    def is_present(self) -> bool:
        """Whether it is where it was."""
        try:
            return DatabaseFile.find(self.path) == self
        except OSError:
            return False

    def rescue(self, engine: sa.Engine) -> str:
        """Write what a deleted file held back to its place, as long as a connection still has it.

        Returns a sentence that says what happened and what to do.
        """
        lost = f"the state database {self.path} was deleted or replaced while the collector works"
        if os.path.lexists(self.path):
            return f"{lost}: put the right one back, and start the collector again"
        try:
            self._write_back(engine)
        except (OSError, sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            return (
                f"{lost}, and could not be written back ({error}): restore it from a backup, or let"
                " `collector archive adopt` build one from the archive"
            )
        return f"{lost}; what it held was written back: start the collector again"

    def _write_back(self, engine: sa.Engine) -> None:
        copy = self.path.with_suffix(".rescued")
        copy.unlink(missing_ok=True)
        connection = _borrow_open_connection(engine)
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(copy),))
        finally:
            connection.close()
        copy.chmod(0o600)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        sync_path(copy)
        copy.replace(self.path)
        sync_path(self.path.parent)


def _borrow_open_connection(engine: sa.Engine) -> sa.PoolProxiedConnection:
    """A connection of the pool, which has the deleted file open: a new one would find none.

    Others may have all of them for a moment.
    """
    deadline = clock.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return engine.raw_connection()
        except (sqlite3.Error, sa.exc.SQLAlchemyError):
            if clock.monotonic() > deadline:
                raise
            clock.wait(_RETRY_SECONDS, None)


def _require_file(path: Path) -> None:
    if path.is_symlink():
        raise StateDatabaseError(
            f"the state database {path} is a link: put the file itself there, or set `state_dir`"
            f" to {path.resolve().parent}"
        )
    if path.is_dir():
        raise StateDatabaseError(
            f"the state database {path} is a folder: move it away, or set another `state_dir`"
        )


def _build_engine(path: Path, connect: Callable[[], sqlite3.Connection]) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, creator=connect, json_deserializer=parse_json_cell)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _connect(path: Path, mode: str, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,  # we say BEGIN ourselves
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )
    connection.row_factory = mend_row
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _connect_reading(path: Path) -> sqlite3.Connection:
    if os.access(path.parent, os.W_OK) and os.access(path, os.W_OK):
        return _connect(path, "mode=rw", _READING_PRAGMAS)
    connection = _connect(path, "mode=ro", _READING_PRAGMAS)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:
        # Without its files beside it, which may not be made here, only a still file can be read.
        connection.close()
        return _connect(path, "mode=ro&immutable=1", _READING_PRAGMAS)
    return connection


def _begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("collector_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
