"""Opens the state database, brings it to the newest schema, and hands out transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from collector.errors import CollectorError, DamagedStateError, StateDatabaseError
from collector.store import postgres_engine, schema_version, sqlite_engine
from collector.store.postgres_engine import ServerPatience, hold_exclusive_lock
from collector.store.sqlite_engine import DATABASE_FILE_NAME, DatabaseFile
from collector.store.state_check import (
    READING_DEPTH,
    UNREADABLE_WORDS,
    WORKING_DEPTH,
    CheckDepth,
    choose_error_type,
    require_sound_file,
)

__all__ = ["DATABASE_FILE_NAME", "Database", "open_database", "open_database_for_reading"]

_DATABASE_ERRORS = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)
"""What a database that does not work raises; the others are mistakes of ours."""


class Database:
    """One state database. Safe to share between threads.

    On SQLite there is one writer at a time: `begin` waits for the others, so a transaction must be
    short and do no input or output of its own.

    Every transaction raises StateDatabaseError where the database does not answer, cannot be
    written, is locked by another process for longer than a moment, is damaged, or is not there any
    more.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        file: DatabaseFile | None = None,
        patience: ServerPatience | None = None,
    ) -> None:
        self._engine = engine
        self._patience = patience
        self._file = file
        self._write_lock = threading.RLock()
        self._report_loss: Callable[[], object] = bool
        self._loss = ""

    @property
    def place(self) -> str:
        """Its path, or its URL without the password."""
        return _describe_place(self._engine)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction that may write: all of it is durable at the end, or nothing is."""
        with self._write_lock:
            self.check_presence()
            with self._translate_errors(), self._engine.begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view that does not wait for writers."""
        with self._translate_errors(), self._engine.connect() as connection:
            yield connection.execution_options(collector_reads=True)

    @contextmanager
    def hold_exclusively(self) -> Iterator[None]:
        """Hold a database on a server for this process alone; a file has its directory's lock.

        Raises:
            StateBusyError: another process works with it.
        """
        if self._patience is None:
            yield
            return
        with self._translate_errors(), hold_exclusive_lock(self._engine, self.place):
            yield

    def end_with(self, stop_event: threading.Event) -> None:
        """Wait for a server for a moment only once this is set."""
        if self._patience is not None:
            self._patience.end_with(stop_event)

    def call_on_loss(self, report_loss: Callable[[], object]) -> None:
        """Call this once the database is found to be gone, from whatever thread finds it."""
        self._report_loss = report_loss

    def check_presence(self) -> None:
        """Make sure that what is written is kept.

        Raises:
            StateDatabaseError: the file was deleted or replaced since it was opened. What it held
                was written back, where nothing has taken its place.
        """
        if self._file is None or self._file.is_present():
            return
        with self._write_lock:
            self._loss = self._loss or self._file.rescue(self._engine)
        self._report_loss()
        raise StateDatabaseError(self._loss)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError:
            place = _describe_place(self._engine)
            raise DamagedStateError(
                f"the state database {place} is damaged ({UNREADABLE_WORDS})"
            ) from None
        except sa.exc.DatabaseError as error:
            if isinstance(error, _DATABASE_ERRORS) or type(error) is sa.exc.DatabaseError:
                raise choose_error_type(error)(_explain(error, self._engine, "failed")) from error
            raise


def open_database(state_dir: Path, url: str | None = None) -> Database:
    """The state database of a directory, or the one at `url`, migrated to the newest schema.

    Raises:
        CollectorError: it cannot be opened; the message never holds the URL's password.
        DamagedStateError: it is damaged; nothing was changed.
    """
    if url:
        return _open_server_database(url)
    path = state_dir / DATABASE_FILE_NAME
    sqlite_engine.create_file(path)
    engine = _open_engine(sqlite_engine.create_engine(path), WORKING_DEPTH)
    return Database(engine, file=DatabaseFile.find(path))


def open_database_for_reading(state_dir: Path, url: str | None = None) -> Database:
    """The same for reading: it needs no lock, and none of its folder's and file's write permission.

    Raises:
        CollectorError: it cannot be opened, or has an older schema and may not be written.
        DamagedStateError: it is damaged.
    """
    if url:
        return _open_server_database(url)
    path = state_dir / DATABASE_FILE_NAME
    return Database(_open_engine(sqlite_engine.create_reading_engine(path), READING_DEPTH))


def _open_server_database(url: str) -> Database:
    patience = ServerPatience()
    engine = _open_engine(postgres_engine.create_engine(url, patience))
    return Database(engine, patience=patience)


def _open_engine(engine: sa.Engine, depth: CheckDepth | None = None) -> sa.Engine:
    """The engine, once its database was found sound, as deep as is asked for, and up to date."""
    try:
        if depth is not None:
            require_sound_file(engine, depth, place=_describe_place(engine))
        schema_version.migrate_schema(engine)
    except CollectorError:
        engine.dispose()
        raise
    except UnicodeDecodeError:
        engine.dispose()
        raise DamagedStateError(
            f"the state database {_describe_place(engine)} is damaged ({UNREADABLE_WORDS})"
        ) from None
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        engine.dispose()
        raise choose_error_type(error)(_explain(error, engine, "cannot be opened")) from None
    return engine


def _explain(error: Exception, engine: sa.Engine, what: str) -> str:
    """A sentence on a database that does not work; `what` becomes of it where it is not locked."""
    original = getattr(error, "orig", None) or error
    place = f"the state database {_describe_place(engine)}"
    if isinstance(original, sqlite3.Error) and sqlite_engine.is_lock_error(original):
        return f"{place} {sqlite_engine.describe_lock(engine)}"
    return f"{place} {what}: {str(original).splitlines()[0]}"


def _describe_place(engine: sa.Engine) -> str:
    if engine.dialect.name == "sqlite":
        return sqlite_engine.get_path(engine)
    return engine.url.render_as_string(hide_password=True)
