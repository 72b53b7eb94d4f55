"""Holds: what somebody has said must not be pruned, why, and until they release it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from collector.model import ArchiveFile
from collector.store.retention_tables import holds


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldScope:
    """What a hold covers: events of `[start, until]`; None and an empty text mean all.

    `event_type` may be a glob.
    """

    org: str = ""
    event_type: str = ""
    start: datetime | None = None
    until: datetime | None = None

    def covers(self, org: str, event_type: str, first: datetime, last: datetime) -> bool:
        """Whether any event of that org and type between two times may be under it."""
        return self.touches(org, first, last) and (
            not self.event_type or fnmatchcase(event_type, self.event_type)
        )

    def touches(self, org: str, first: datetime, last: datetime) -> bool:
        """The same, whatever the type."""
        if self.org not in ("", org):
            return False
        is_before = self.start is not None and last < self.start
        is_after = self.until is not None and first > self.until
        return not is_before and not is_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold, who placed it when and why, and who released it when, if anybody has."""

    id: int
    scope: HoldScope
    reason: str
    placed: datetime
    placed_by: str
    released: datetime | None = None
    released_by: str = ""


def insert_hold(
    connection: sa.Connection, scope: HoldScope, *, reason: str, placed_by: str, now: datetime
) -> Hold:
    """Place a hold: from the next transaction on nothing that it covers is pruned."""
    values = {
        "org": scope.org,
        "event_type": scope.event_type,
        "start": scope.start,
        "until": scope.until,
        "reason": reason,
        "placed": now,
        "placed_by": placed_by,
    }
    row = connection.execute(sa.insert(holds).values(values).returning(holds.c.id)).one()
    return Hold(id=row.id, scope=scope, reason=reason, placed=now, placed_by=placed_by)


def find_hold(connection: sa.Connection, hold_id: int) -> Hold | None:
    """The hold with that id; None where there is none."""
    row = connection.execute(sa.select(holds).where(holds.c.id == hold_id)).first()
    return None if row is None else _parse_row(row)


def list_holds(connection: sa.Connection, *, include_released: bool = False) -> list[Hold]:
    """The holds in the order in which they were placed, without the released ones."""
    query = sa.select(holds).order_by(holds.c.id)
    if not include_released:
        query = query.where(holds.c.released.is_(None))
    return [_parse_row(row) for row in connection.execute(query)]


def mark_hold_released(
    connection: sa.Connection, hold_id: int, *, released_by: str, now: datetime
) -> None:
    """Record that a hold is released: what only it kept goes with the next pruning."""
    connection.execute(
        sa.update(holds)
        .where(holds.c.id == hold_id, holds.c.released.is_(None))
        .values(released=now, released_by=released_by)
    )


def find_file_hold(active_holds: Iterable[Hold], file: ArchiveFile) -> Hold | None:
    """The first of the holds that keeps a file; None where none does."""
    span = (file.first_time, file.last_time)
    return next(
        (hold for hold in active_holds if hold.scope.covers(file.org, file.event_type, *span)), None
    )


def _parse_row(row: sa.Row[Any]) -> Hold:
    scope = HoldScope(org=row.org, event_type=row.event_type, start=row.start, until=row.until)
    return Hold(
        id=row.id,
        scope=scope,
        reason=row.reason,
        placed=row.placed,
        placed_by=row.placed_by,
        released=row.released,
        released_by=row.released_by,
    )
