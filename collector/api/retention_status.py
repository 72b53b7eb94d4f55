"""How long things are kept, and when what is older was pruned last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from collector.settings import Settings
from collector.store import holds, prune_runs
from collector.store.prune_runs import PruneRun


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionStatus:
    """How long is kept what, in days, when it was pruned last, and how many holds there are.

    `last_run` is None before the first.
    """

    retention_days: int
    by_type_days: dict[str, int]
    alert_days: int
    holds: int
    last_run: PruneRun | None


def read_retention_status(connection: sa.Connection, settings: Settings) -> RetentionStatus:
    """How long things are kept, and when they were pruned last."""
    archive, day = settings.archive, timedelta(days=1)
    return RetentionStatus(
        retention_days=archive.retention // day,
        by_type_days={name: time // day for name, time in archive.by_type.items()},
        alert_days=archive.alert_time // day,
        holds=len(holds.list_holds(connection)),
        last_run=prune_runs.read_prune_run(connection),
    )
