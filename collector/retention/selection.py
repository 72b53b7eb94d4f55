"""What is older than it is kept, and what of it a hold keeps: of the archive, and of alerts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from collector.model import ArchiveFile
from collector.retention.keeping_plan import KeepingPlan
from collector.store import alert_expiry, file_expiry
from collector.store.alert_expiry import ExpiredAlert
from collector.store.holds import Hold, find_file_hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringType:
    """The files of one event type of an org that are older than they are kept.

    `kept_since` is the first day that is kept, `held` are the files that would go but for a hold,
    by its id.
    """

    org: str
    event_type: str
    kept_since: str
    files: Sequence[ArchiveFile]
    held: dict[int, list[ArchiveFile]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Their events."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return sum(file.bytes for file in self.files)

    @property
    def held_count(self) -> int:
        """How many files a hold keeps."""
        return sum(map(len, self.held.values()))


def list_expiring_types(
    connection: sa.Connection, plan: KeepingPlan, holds: Sequence[Hold], *, now: datetime
) -> Iterator[ExpiringType]:
    """The files of each org and type that are older than they are kept; none without any."""
    for org, event_type in file_expiry.list_archived_types(connection):
        first_day = plan.find_first_day(event_type, now)
        files = file_expiry.list_files_before(
            connection, org=org, event_type=event_type, date=first_day
        )
        if not files:
            continue
        free, held = split_held_files(files, holds)
        yield ExpiringType(
            org=org, event_type=event_type, kept_since=first_day, files=free, held=held
        )


def split_held_files(
    files: Sequence[ArchiveFile], holds: Sequence[Hold]
) -> tuple[list[ArchiveFile], dict[int, list[ArchiveFile]]]:
    """The files that no hold keeps, and the others by the id of a hold that does."""
    free: list[ArchiveFile] = []
    held: dict[int, list[ArchiveFile]] = {}
    for file in files:
        hold = find_file_hold(holds, file)
        if hold is None:
            free.append(file)
        else:
            held.setdefault(hold.id, []).append(file)
    return free, held


def is_alert_held(alert: ExpiredAlert, holds: Sequence[Hold]) -> bool:
    """Whether any of an alert's events may be under a hold, of whatever type they are.

    What is kept in the archive may be matched again: an alert that is gone would be told again.
    """
    return any(hold.scope.touches(alert.org, alert.first_time, alert.last_time) for hold in holds)


def count_expiring_alerts(
    connection: sa.Connection, plan: KeepingPlan, holds: Sequence[Hold], *, now: datetime
) -> tuple[int, int]:
    """How many alerts are older than they are kept and would go, and how many a hold keeps."""
    alerts = alert_expiry.list_expired_alerts(connection, cutoff=plan.find_alert_cutoff(now))
    held_count = sum(is_alert_held(alert, holds) for alert in alerts)
    return len(alerts) - held_count, held_count
