"""Opens the state database, brings it to the newest schema, and hands out transactions."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from collector.errors import CollectorError

MIGRATIONS_DIR = Path(__file__).parent / "migrations"
DATABASE_FILE_NAME = "state.db"


class Database:
    """One state database. Safe to share between threads.

    On SQLite there is one writer at a time: `begin` waits for the others, so a transaction must be
    short and do no input or output of its own.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._write_lock = threading.RLock()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction that may write: all of it is durable at the end, or nothing is."""
        with self._write_lock, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view that does not wait for writers."""
        with self._engine.connect().execution_options(collector_reads=True) as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def open_database(state_dir: Path, url: str | None = None) -> Database:
    """The state database of a directory, or the one at `url`, migrated to the newest schema.

    Raises:
        CollectorError: it cannot be opened; the message never holds the URL's password.
    """
    engine = (
        _create_postgres_engine(url)
        if url
        else _create_sqlite_engine(state_dir / DATABASE_FILE_NAME)
    )
    try:
        _migrate_schema(engine)
    except sa.exc.SQLAlchemyError as error:
        engine.dispose()
        where = engine.url.render_as_string(hide_password=True)
        raise CollectorError(
            f"the state database {where} cannot be opened: {_describe_cause(error)}"
        ) from None
    return Database(engine)


def _create_sqlite_engine(path: Path) -> sa.Engine:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_postgres_engine(url: str) -> sa.Engine:
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise CollectorError(
            "database_url is not usable: give postgresql+psycopg://user:password@host/name and "
            "install collector[postgres]"
        ) from error


def _prepare_sqlite(dbapi: Any, _record: object) -> None:
    dbapi.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "busy_timeout = 5000",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "trusted_schema = OFF",
    ):
        dbapi.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("collector_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _migrate_schema(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _describe_cause(error: sa.exc.SQLAlchemyError) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).splitlines()[0]
