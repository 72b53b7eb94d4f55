"""Brings a state database to the newest schema; writes nothing where it has that already."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from collector.errors import CollectorError, DamagedStateError
from collector.store import schema_migration, tables

MIGRATIONS_DIR = Path(__file__).parent / "migrations"

_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num"))


def migrate_schema(engine: sa.Engine) -> None:
    """Migrate to the newest schema what has another one.

    Raises:
        CollectorError: its schema is one that this version does not know.
        DamagedStateError: it has tables, and does not say of which schema they are.
        sqlalchemy.exc.SQLAlchemyError: it cannot be read, or cannot be written and would have to.
    """
    with engine.connect().execution_options(collector_reads=True) as connection:
        present = _read_present_revision(connection)
    known = list_revisions()
    if present == known[-1]:
        return
    if present is not None and present not in known:
        raise CollectorError(
            f"the state database was made by a newer collector (its schema is {present!r}, and this"
            " version does not know it): install that version again, or a newer one"
        )
    schema_migration.run_migrations(engine, MIGRATIONS_DIR)


@cache  # the scripts of one installation do not change
def list_revisions() -> tuple[str, ...]:
    """The schemas that this version knows, the newest last.

    The files of migrations are called by their revisions (`0001_first.py`): Alembic, which would
    load each of them, is left alone where there is nothing to migrate.
    """
    files = (MIGRATIONS_DIR / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(file.name.split("_", maxsplit=1)[0] for file in files))


def _read_present_revision(connection: sa.Connection) -> str | None:
    """The schema that a database has; None for one that has no table yet."""
    inspector = sa.inspect(connection)
    revisions: list[str] = []
    if inspector.has_table(_VERSION_TABLE.name):
        revisions = list(connection.scalars(sa.select(_VERSION_TABLE.c.version_num)))
    if len(revisions) == 1:
        return revisions[0]
    if revisions or inspector.has_table(tables.cursors.name):
        found = f"{len(revisions)} of them" if revisions else "none"
        raise DamagedStateError(
            "the state database does not say which schema it has (its table alembic_version, which"
            f" names one, names {found}): it is damaged"
        )
    return None
