"""Writes the directory of a test's org, which nobody has read from an org."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.model import DirectorySample
from collector.store import tables


def save_samples(
    connection: sa.Connection, org: str, samples: Sequence[DirectorySample], *, start: datetime
) -> None:
    """Write entries of a test's org; `start` is what relative times of theirs are counted from."""
    rows = []
    for sample in samples:
        valid_from = sample.valid_from
        if isinstance(valid_from, timedelta):
            valid_from += start
        values = dict(sorted(sample.values.items()))
        rows.append(
            {
                "org": org,
                "kind": sample.kind,
                "id": sample.id,
                "valid_from": valid_from,
                "noticed": valid_from,
                "values": values,
            }
        )
    connection.execute(sa.insert(tables.directory_entries), rows)
