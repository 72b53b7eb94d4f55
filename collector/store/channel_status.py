"""Whether channels take messages, and until when nothing is tried on one that does not."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import ChannelState
from collector.store import tables
from collector.store.sound_rows import read_sound_rows
from collector.store.upsert import upsert_row


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """How the last attempts on a channel went.

    Attributes:
        since: when it began to fail or refuse; None while it takes messages.
        failures: how many attempts in a row have gone like the last one.
        held_until: nothing is tried before then; None: at once.
        reason: what the receiver said, or what broke.
        fingerprint: the settings of which this is true; empty where they are not known.
    """

    channel: str
    state: ChannelState = ChannelState.OK
    since: datetime | None = None
    failures: int = 0
    held_until: datetime | None = None
    reason: str = ""
    fingerprint: str = ""


_COLUMNS = tuple(field.name for field in fields(ChannelStatus))


def read_channel_status(connection: sa.Connection, channel: str) -> ChannelStatus:
    """The status of a channel; of one that was never tried, that it takes messages."""
    table = tables.channel_statuses
    row = connection.execute(sa.select(table).where(table.c.channel == channel)).first()
    return ChannelStatus(channel=channel) if row is None else _parse_status_row(row)


def list_channel_statuses(connection: sa.Connection) -> list[ChannelStatus]:
    """The status of every channel that was tried, by name."""
    query = sa.select(tables.channel_statuses).order_by(tables.channel_statuses.c.channel)
    return read_sound_rows(connection, tables.channel_statuses, query, _parse_status_row)


def save_channel_status(connection: sa.Connection, status: ChannelStatus) -> None:
    """Write the status of a channel."""
    values = {name: getattr(status, name) for name in _COLUMNS}
    upsert_row(connection, tables.channel_statuses, values)


def _parse_status_row(row: sa.Row[Any]) -> ChannelStatus:
    values = row._asdict()
    return ChannelStatus(**{name: values[name] for name in _COLUMNS})
