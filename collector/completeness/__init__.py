"""Proves what was collected: what orgs listed or served against what the archive holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from collector.completeness.archived import Archived, archived
from collector.completeness.counts import Count, counts
from collector.completeness.hours import QuietHours, SequenceGap, quiet_hours, sequence_gaps
from collector.completeness.windows import Windows, windows
from collector.model import Stream
from collector.store import account, coverage, listing
from collector.store.coverage import Span

__all__ = ["Archived", "Count", "Proof", "QuietHours", "SequenceGap", "Windows", "prove"]


class _Part(Protocol):
    def problems(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What there is to say of an org between two times."""

    org: str
    since: datetime
    until: datetime
    counts: Sequence[Count]
    sequence_gaps: Sequence[SequenceGap]
    quiet_hours: Sequence[QuietHours]
    windows: Sequence[Windows]
    archived: Sequence[Archived]

    @property
    def problems(self) -> list[str]:
        """What is missing, a sentence each; empty when all that was listed or served is there.

        What is pending is not missing: it comes with the next polls.
        """
        parts: list[_Part] = [
            *self.counts,
            *self.sequence_gaps,
            *self.windows,
            *self.archived,
        ]
        return [problem for part in parts for problem in part.problems()]


def prove(
    connection: sa.Connection, *, org: str, since: datetime, until: datetime, archive: Path
) -> Proof:
    """The proof for an org. Reads the state, looks at the archive's files, and changes nothing."""
    items = account.items(connection, org=org, since=since, until=until)
    files = account.files(connection, org=org, since=since, until=until)
    covered = coverage.everything(connection, org=org)
    return Proof(
        org=org,
        since=since,
        until=until,
        counts=list(counts(items)),
        sequence_gaps=list(sequence_gaps(items, began=_began(covered, until))),
        quiet_hours=list(quiet_hours(items)),
        windows=list(windows(covered, within=Span(start=since, until=until))),
        archived=list(archived(items, files, archive)),
    )


def _began(covered: Mapping[Stream, Sequence[Span]], until: datetime) -> datetime:
    """From which creation time on files were listed."""
    starts = [
        spans[0].start for stream, spans in covered.items() if stream.name.endswith(listing.SUFFIX)
    ]
    return min(starts, default=until)
