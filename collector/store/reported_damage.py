"""Files that somebody found altered beside the collector at work, until that has looked itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from collector.store.upsert import upsert_rows
from collector.store.verification_tables import reported_damage


def report_damage(connection: sa.Connection, reasons: Mapping[str, str], *, now: datetime) -> None:
    """Report committed files, by their paths, with what is wrong with each."""
    rows = [{"path": path, "reason": reason, "since": now} for path, reason in reasons.items()]
    upsert_rows(connection, reported_damage, rows)


def list_reports(connection: sa.Connection) -> dict[str, str]:
    """By its path, what is wrong with each file that was reported and not looked at since."""
    query = sa.select(reported_damage.c.path, reported_damage.c.reason)
    rows = connection.execute(query.order_by(reported_damage.c.path))
    return {row.path: row.reason for row in rows}


def delete_report(connection: sa.Connection, path: str) -> None:
    """Forget a report: its file was looked at."""
    connection.execute(sa.delete(reported_damage).where(reported_damage.c.path == path))
