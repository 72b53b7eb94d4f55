"""Proves what was collected: what orgs listed or served against what the archive holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from collector.archive.store import ArchiveStore
from collector.completeness.archive_comparison import ArchiveComparison, compare_archive
from collector.completeness.balances import EventTypeBalance, compute_balances
from collector.completeness.hourly_files import (
    QuietHours,
    SequenceGap,
    find_quiet_hours,
    find_sequence_gaps,
)
from collector.completeness.window_coverage import WindowCoverage, compute_window_coverage
from collector.model import Stream, StreamPurpose
from collector.store import batch_inventory, stream_coverage
from collector.store.stream_coverage import CoverageSpan

__all__ = [
    "ArchiveComparison",
    "CompletenessReport",
    "EventTypeBalance",
    "QuietHours",
    "SequenceGap",
    "WindowCoverage",
    "build_completeness_report",
]


class _AuditPart(Protocol):
    def list_problems(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessReport:
    """The proof of one org between two times."""

    org: str
    since: datetime
    until: datetime
    balances: Sequence[EventTypeBalance]
    sequence_gaps: Sequence[SequenceGap]
    quiet_hours: Sequence[QuietHours]
    window_coverage: Sequence[WindowCoverage]
    archive_comparisons: Sequence[ArchiveComparison]

    @property
    def problems(self) -> list[str]:
        """What is missing, a sentence each; empty when all that was listed or served is there.

        What is pending is not missing: it comes with the next polls.
        """
        parts: list[_AuditPart] = [
            *self.balances,
            *self.sequence_gaps,
            *self.window_coverage,
            *self.archive_comparisons,
        ]
        return [problem for part in parts for problem in part.list_problems()]


def build_completeness_report(
    connection: sa.Connection, *, org: str, since: datetime, until: datetime, archive: ArchiveStore
) -> CompletenessReport:
    """The proof for an org. Reads the state, looks at the archive's files, and changes nothing."""
    items = batch_inventory.list_inventory_items(connection, org=org, since=since, until=until)
    files = batch_inventory.list_batch_files(connection, org=org, since=since, until=until)
    covered_spans = stream_coverage.list_org_coverage(connection, org=org)
    return CompletenessReport(
        org=org,
        since=since,
        until=until,
        balances=list(compute_balances(items)),
        sequence_gaps=list(
            find_sequence_gaps(items, listing_start=_find_listing_start(covered_spans, until))
        ),
        quiet_hours=list(find_quiet_hours(items)),
        window_coverage=list(
            compute_window_coverage(covered_spans, within=CoverageSpan(start=since, until=until))
        ),
        archive_comparisons=list(compare_archive(items, files, archive)),
    )


def _find_listing_start(
    covered_spans: Mapping[Stream, Sequence[CoverageSpan]], until: datetime
) -> datetime:
    """From which creation time on files were listed."""
    starts = [
        spans[0].start
        for stream, spans in covered_spans.items()
        if stream.purpose == StreamPurpose.LISTING
    ]
    return min(starts, default=until)
