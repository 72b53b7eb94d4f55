"""Connections to a state database on a PostgreSQL server, each with deadlines."""

from __future__ import annotations

import sqlalchemy as sa

from collector.errors import CollectorError

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
LOCK_SECONDS = 10


def create_engine(url: str) -> sa.Engine:
    """An engine for a `database_url`.

    Raises:
        CollectorError: it is no URL of PostgreSQL, or its driver is not installed.
    """
    try:
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_timeout=CONNECT_SECONDS,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "options": (
                    f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s"
                ),
            },
        )
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise CollectorError(
            "database_url is not usable: give postgresql+psycopg://user:password@host/name and "
            "install collector[postgres]"
        ) from error
