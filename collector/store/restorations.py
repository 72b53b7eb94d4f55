"""That an older state was put back, and what was told of alerts that it does not know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.model import Alert
from collector.store import tables
from collector.store.delivery_journal import ToldAlert, parse_telling, render_telling
from collector.store.upsert import upsert_row, upsert_rows

REPEATING_SPAN = timedelta(days=30)
"""For how long after a restoration old events may come for the second time: Salesforce keeps log
files no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """When an older state was put back; the one that it replaced worked `until` then at most."""

    restored: datetime
    until: datetime

    def may_repeat(self, alert: Alert) -> bool:
        """Whether a message about an alert may be one that the replaced state has sent.

        It may have been about events that happened before that state ended: the first one of an
        alert that is found now, the newest one of an alert that was known.
        """
        is_new = alert.created >= self.restored
        return (alert.first_time if is_new else alert.last_time) <= self.until


def record_restoration(connection: sa.Connection, restoration: Restoration) -> None:
    """Write that the state was put back."""
    values = {"restored": restoration.restored, "until": restoration.until}
    upsert_row(connection, tables.restorations, values)


def read_last_restoration(connection: sa.Connection) -> Restoration | None:
    """The last one; None for a state that never was put back."""
    table = tables.restorations
    row = connection.execute(sa.select(table).order_by(table.c.restored.desc()).limit(1)).first()
    return None if row is None else Restoration(restored=row.restored, until=row.until)


def save_tellings(connection: sa.Connection, tellings: Iterable[ToldAlert]) -> None:
    """Remember what was told, the last of each alert and channel, until its alert is found."""
    newest = {(told.alert_id, told.channel): told for told in tellings}
    rows = [
        {"alert_id": alert_id, "channel": channel, "telling": render_telling(told)}
        for (alert_id, channel), told in newest.items()
    ]
    upsert_rows(connection, tables.told_before, rows)


def list_tellings(connection: sa.Connection) -> list[ToldAlert]:
    """What was told of alerts that were not found again yet."""
    table = tables.told_before
    query = sa.select(table).order_by(table.c.alert_id, table.c.channel)
    return [parse_telling(row.telling) for row in connection.execute(query)]


def forget_tellings(connection: sa.Connection, tellings: Iterable[ToldAlert]) -> None:
    """Forget what is in the outbox by now."""
    table = tables.told_before
    for told in tellings:
        connection.execute(
            sa.delete(table).where(
                table.c.alert_id == told.alert_id, table.c.channel == told.channel
            )
        )
