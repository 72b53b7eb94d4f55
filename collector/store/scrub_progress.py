"""How far the daemon is with reading the whole archive in the background."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.store.upsert import upsert_row
from collector.store.verification_tables import scrub_progress

_SINGLE_ROW_ID = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubProgress:
    """Every file up to `path` has been read since this round `began`.

    What was read is enough up to the time `reached`. `finished` is when the last round ended, None
    before one did.
    """

    path: str
    reached: datetime
    began: datetime
    finished: datetime | None = None


def read_scrub_progress(connection: sa.Connection) -> ScrubProgress | None:
    """How far it is; None before it began."""
    row = connection.execute(sa.select(scrub_progress)).first()
    if row is None:
        return None
    return ScrubProgress(path=row.path, reached=row.reached, began=row.began, finished=row.finished)


def save_scrub_progress(connection: sa.Connection, progress: ScrubProgress) -> None:
    """Write down how far it is."""
    values = {
        "id": _SINGLE_ROW_ID,
        "path": progress.path,
        "reached": progress.reached,
        "began": progress.began,
        "finished": progress.finished,
    }
    upsert_row(connection, scrub_progress, values)
