"""The proof of what was collected, and the comparison with the daily files that orgs keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from collector import clock
from collector.api.json_values import JsonObject, to_json_object
from collector.api.org_connection import open_source_context
from collector.api.state_view import open_state_view
from collector.completeness import (
    ArchiveComparison,
    CompletenessReport,
    EventTypeBalance,
    FoldedTotal,
    QuietHours,
    SequenceGap,
    WindowCoverage,
    build_completeness_report,
    daily_audit,
)
from collector.completeness.daily_audit import HourlyDailyComparison
from collector.errors import CollectorError
from collector.ingest.state_paths import StatePaths
from collector.model import LogFileFacts, StreamPurpose
from collector.settings import OrgSettings, Settings
from collector.sources import event_log_file
from collector.store import batch_inventory

_ReportItem = (
    EventTypeBalance | SequenceGap | QuietHours | WindowCoverage | ArchiveComparison | FoldedTotal
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgCompleteness:
    """The proof of one org.

    Attributes:
        report: what was listed or served, against what is stored.
        daily_comparisons: hourly files against daily ones; empty unless asked for.
        problems: what is missing, a sentence each; empty where nothing is.
    """

    report: CompletenessReport
    daily_comparisons: Sequence[HourlyDailyComparison]
    problems: Sequence[str]

    @property
    def pending_count(self) -> int:
        """How many files are still to be fetched."""
        return sum(balance.pending for balance in self.report.balances)


def prove_completeness(settings: Settings, *, since: timedelta) -> Iterator[OrgCompleteness]:
    """The proof of each org, so far back; nothing is asked of the orgs.

    Raises CollectorError where nothing has been collected yet.
    """
    until = clock.now()
    for org in settings.orgs:
        report = _build_org_report(settings, org, since=until - since, until=until)
        yield OrgCompleteness(report=report, daily_comparisons=(), problems=report.problems)


def compare_with_daily_files(
    settings: Settings, *, since: timedelta, counted_types: Sequence[str]
) -> Iterator[OrgCompleteness]:
    """The proof of each org, with its daily files compared with the hourly ones.

    `counted_types` are globs of event types whose daily files are downloaded and counted.

    Raises CollectorError where nothing has been collected yet, or an org does not answer.
    """
    until = clock.now()
    for org in settings.orgs:
        report = _build_org_report(settings, org, since=until - since, until=until)
        comparisons = _compare_daily_files(settings, org, report, counted_types)
        yield OrgCompleteness(
            report=report,
            daily_comparisons=comparisons,
            problems=[*report.problems, *_list_daily_shortfalls(comparisons, until)],
        )


def format_stream_name(coverage: WindowCoverage) -> str:
    """The name of a stream whose windows were read, for a person."""
    return coverage.stream.replace(StreamPurpose.LISTING, " (files by creation)")


def to_json_lines(proof: OrgCompleteness) -> Iterator[JsonObject]:
    """An object for each thing that was looked at; the last one, `proof`, is the sum of it."""
    report = proof.report
    parts: Mapping[str, Sequence[_ReportItem]] = {
        "count": report.balances,
        "sequence_gap": report.sequence_gaps,
        "quiet_hours": report.quiet_hours,
        "windows": report.window_coverage,
        "archived": report.archive_comparisons,
        "folded": report.folded,
    }
    for kind, group in parts.items():
        for item in group:
            yield to_json_object({"kind": kind, **asdict(item)})
    for comparison in proof.daily_comparisons:
        yield to_json_object({"kind": "daily", **asdict(comparison), "verdict": comparison.verdict})
    yield to_json_object(
        {
            "kind": "proof",
            "org": report.org,
            "since": report.since,
            "until": report.until,
            "complete": not proof.problems,
            "pending": proof.pending_count,
            "problems": proof.problems,
        }
    )


def _build_org_report(
    settings: Settings, org: OrgSettings, *, since: datetime, until: datetime
) -> CompletenessReport:
    archive = StatePaths(state_dir=settings.state_dir).archive
    with open_state_view(settings) as connection:
        return build_completeness_report(
            connection, org=org.name, since=since, until=until, archive=archive
        )


# ---- daily files


def _compare_daily_files(
    settings: Settings, org: OrgSettings, report: CompletenessReport, counted_types: Sequence[str]
) -> list[HourlyDailyComparison]:
    source = event_log_file.SPEC.find_settings(org.sources)
    if source is None:
        return []
    with open_state_view(settings) as connection:
        items = batch_inventory.list_inventory_items(
            connection, org=org.name, since=report.since, until=report.until
        )
    hourly_totals = daily_audit.sum_hourly_files(items)
    if not hourly_totals:
        return []
    first = min(
        item.log_time
        for item in items
        if isinstance(item.facts, LogFileFacts) and item.facts.sequence
    )
    with open_source_context(org) as context:
        try:
            return list(
                daily_audit.compare_daily_files(
                    context,
                    hourly_totals,
                    since=max(report.since, first),
                    until=report.until,
                    is_collected=lambda name: _matches_any(name, source.event_types),
                    is_counted=lambda name: _matches_any(name, counted_types),
                )
            )
        except CollectorError as error:
            raise CollectorError(f"the daily files could not be compared: {error}") from error


def _matches_any(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _list_daily_shortfalls(
    comparisons: Sequence[HourlyDailyComparison], now: datetime
) -> Iterator[str]:
    for comparison in comparisons:
        if comparison.is_incomplete(now):
            name = f"{comparison.org}/{comparison.event_type}"
            yield f"{name}: on {comparison.day} {comparison.verdict} against the daily file"
