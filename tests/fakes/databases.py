"""The state in both databases: SQLite always, PostgreSQL where there is one to test with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from collector.store import tables
from collector.store.database import DATABASE_FILE_NAME, Database, open_database
from collector.store.schema_version import MIGRATIONS_DIR

POSTGRES_URL = os.environ.get("COLLECTOR_TEST_POSTGRES")

DATABASE_KINDS = [
    "sqlite",
    pytest.param(
        "postgres",
        marks=[
            pytest.mark.postgres,
            pytest.mark.skipif(
                not POSTGRES_URL, reason="COLLECTOR_TEST_POSTGRES names no PostgreSQL to test with"
            ),
        ],
    ),
]
"""What a fixture of databases is to be parametrized with."""


@cache
def create_postgres_database() -> str:
    """The URL of a database of this process's own: tests may run in several beside each other."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    url = sa.make_url(str(POSTGRES_URL)).set(database=f"collector_test_{worker}")
    server = sa.create_engine(str(POSTGRES_URL), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {url.database}"))
        connection.execute(sa.text(f"CREATE DATABASE {url.database}"))
    server.dispose()
    return url.render_as_string(hide_password=False)


@cache
def read_new_state() -> bytes:
    """A state database as the migrations leave it; running them for each test takes longer."""
    with tempfile.TemporaryDirectory(prefix="collector-test-") as directory:
        folder = Path(directory)
        open_database(folder).close()
        return (folder / DATABASE_FILE_NAME).read_bytes()


def open_sqlite_state(folder: Path) -> Database:
    """The SQLite database of a state directory; a new one where there is none."""
    path = folder / DATABASE_FILE_NAME
    if not path.exists():
        path.write_bytes(read_new_state())
        path.chmod(0o600)
    return open_database(folder)


def write_earlier_state(folder: Path, revision: str) -> sa.Engine:
    """The state database of a directory as the version with that newest migration left it.

    Rows that are there already stay, as far as that version has tables and columns for them;
    columns that they lack are 0.
    """
    path = folder / DATABASE_FILE_NAME
    later_path = path.with_name("later.db")
    if path.exists():
        path.rename(later_path)
    earlier = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR))
    with earlier.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    if later_path.exists():
        _copy_rows(later_path, earlier)
        later_path.unlink()
    return earlier


def _copy_rows(path: Path, target: sa.Engine) -> None:
    source = sa.create_engine(f"sqlite:///{path}")
    later, earlier = sa.MetaData(), sa.MetaData()
    later.reflect(source)
    earlier.reflect(target)
    with source.connect() as reader, target.begin() as writer:
        for name in earlier.tables.keys() & later.tables.keys() - {"alembic_version"}:
            columns = earlier.tables[name].columns
            missing = {c.name: 0 for c in columns if c.name not in later.tables[name].columns}
            for row in reader.execute(sa.select(later.tables[name])).mappings():
                values = {key: value for key, value in row.items() if key in columns}
                writer.execute(earlier.tables[name].insert().values(**values, **missing))
    source.dispose()


@contextmanager
def open_test_database(kind: str, folder: Path) -> Iterator[Database]:
    """A new database of that kind, of which nothing is left afterwards."""
    if kind == "postgres":
        database = open_database(folder, create_postgres_database())
    else:
        database = open_sqlite_state(folder)
    try:
        yield database
    finally:
        if kind == "postgres":
            with database.begin() as connection:
                tables.metadata.drop_all(connection)
                connection.execute(sa.text("DROP TABLE alembic_version"))
        database.close()
