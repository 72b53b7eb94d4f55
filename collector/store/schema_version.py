"""Brings a state database to the newest schema; writes nothing where it has that already."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from collector.errors import CollectorError

MIGRATIONS_DIR = Path(__file__).parent / "migrations"


def migrate_schema(engine: sa.Engine) -> None:
    """Migrate to the newest schema what has another one.

    Raises:
        CollectorError: its schema is one that this version does not know.
        sqlalchemy.exc.SQLAlchemyError: it cannot be read, or cannot be written and would have to.
    """
    script = _read_scripts()
    with engine.connect().execution_options(collector_reads=True) as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present == script.get_current_head():
        return
    known = {revision.revision for revision in script.walk_revisions()}
    if present is not None and present not in known:
        raise CollectorError(
            f"the state database was made by a newer collector (its schema is {present!r}, and this"
            " version does not know it): install that version again, or a newer one"
        )
    with engine.begin() as connection:
        config = _build_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache  # the scripts of one installation do not change
def _read_scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_build_config())


def _build_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
    return config
