"""When archive and state were pruned last, and what that came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.store.retention_tables import prune_runs
from collector.store.upsert import upsert_row

_SINGLE_ROW_ID = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRun:
    """The counts of one pruning; `rows` are events, `held_files` would have gone but for a hold."""

    finished: datetime
    files: int
    rows: int
    bytes: int
    held_files: int
    alerts: int
    batches: int


def save_prune_run(connection: sa.Connection, run: PruneRun) -> None:
    """Write down the last pruning."""
    upsert_row(connection, prune_runs, {"id": _SINGLE_ROW_ID, **asdict(run)})


def read_prune_run(connection: sa.Connection) -> PruneRun | None:
    """The last pruning; None before the first."""
    columns = [column for column in prune_runs.c if column.name != "id"]
    row = connection.execute(sa.select(*columns)).first()
    return None if row is None else PruneRun(**row._asdict())
