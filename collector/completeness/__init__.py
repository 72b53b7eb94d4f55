"""Proves what was collected: what orgs listed or served against what the archive holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from collector.archive.store import ArchiveStore
from collector.clock import EARLIEST_TIME
from collector.completeness.archive_comparison import ArchiveComparison, compare_archive
from collector.completeness.balances import EventTypeBalance, compute_balances
from collector.completeness.hourly_files import (
    QuietHours,
    SequenceGap,
    find_quiet_hours,
    find_sequence_gaps,
)
from collector.completeness.window_coverage import WindowCoverage, compute_window_coverage
from collector.model import LogFileFacts, Stream, StreamPurpose
from collector.store import batch_inventory, ledger_folding, stream_coverage
from collector.store.batch_inventory import InventoryItem
from collector.store.ledger_folding import FoldedTotal
from collector.store.stream_coverage import CoverageSpan

__all__ = [
    "ArchiveComparison",
    "CompletenessReport",
    "EventTypeBalance",
    "FoldedTotal",
    "QuietHours",
    "SequenceGap",
    "WindowCoverage",
    "build_completeness_report",
]


class _AuditPart(Protocol):
    def list_problems(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessReport:
    """The proof of one org between two times.

    Of the batches in `folded`, which are older than the ledger keeps, nothing is known but how many
    they were: they are no part of the others.
    """

    org: str
    since: datetime
    until: datetime
    balances: Sequence[EventTypeBalance]
    sequence_gaps: Sequence[SequenceGap]
    quiet_hours: Sequence[QuietHours]
    window_coverage: Sequence[WindowCoverage]
    archive_comparisons: Sequence[ArchiveComparison]
    folded: Sequence[FoldedTotal]

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
    folded = ledger_folding.list_folded_totals(connection, org=org, since=since)
    return CompletenessReport(
        org=org,
        since=since,
        until=until,
        balances=list(compute_balances(items)),
        sequence_gaps=list(
            find_sequence_gaps(
                items,
                listing_start=max(
                    _find_listing_start(covered_spans, until), _find_folded_end(items, folded)
                ),
            )
        ),
        quiet_hours=list(find_quiet_hours(items)),
        window_coverage=list(
            compute_window_coverage(covered_spans, within=CoverageSpan(start=since, until=until))
        ),
        archive_comparisons=list(compare_archive(items, files, archive)),
        folded=folded,
    )


def _find_folded_end(items: Sequence[InventoryItem], folded: Sequence[FoldedTotal]) -> datetime:
    """Up to when log files of these sources may be only counted."""
    sources = {item.stream.source for item in items if isinstance(item.facts, LogFileFacts)}
    newest = [total.newest for total in folded if total.source in sources]
    return max(newest, default=EARLIEST_TIME)


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
