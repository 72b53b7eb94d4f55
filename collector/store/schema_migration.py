"""Migrates a state database to the newest schema, with Alembic."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def run_migrations(engine: sa.Engine, folder: Path) -> None:
    """Run what the database lacks of the migrations in a folder, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
