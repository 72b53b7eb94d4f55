"""`collector status --completeness`: the proof of what was collected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from collector import clock
from collector.cli.options import open_state_view, parse_duration
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    format_count,
    print_json,
    print_line,
    print_table,
    to_cells,
)
from collector.completeness import CompletenessReport, build_completeness_report, daily_audit
from collector.completeness.daily_audit import HourlyDailyComparison
from collector.errors import CollectorError
from collector.ingest.state_paths import StatePaths
from collector.model import LogFileFacts, StreamPurpose
from collector.salesforce.client import SalesforceClient
from collector.settings import OrgSettings, Settings
from collector.settings.values import matches_any
from collector.sources import Catalog, SourceContext, event_log_file
from collector.store import batch_inventory

CompletenessCommand = Callable[..., Any]

LINE_LIMIT = 20
"""Lines of a kind that are shown to a person; --json has all."""


def completeness_options(command: CompletenessCommand) -> CompletenessCommand:
    """Add the options of the proof: `show_completeness` takes them."""
    for option in (
        click.option(
            "--verify-daily",
            "verified",
            metavar="TYPE",
            multiple=True,
            help="As --daily, and count the rows of the daily files of this event type (a glob;"
            " may be repeated): one API call a file.",
        ),
        click.option(
            "--daily",
            "compares",
            is_flag=True,
            help="Hold the hourly files against the org's daily ones, by type and day.",
        ),
        click.option(
            "--since",
            default="7d",
            callback=parse_duration,
            metavar="DURATION",
            show_default=True,
            help="How far back the proof reaches.",
        ),
        click.option(
            "--completeness",
            is_flag=True,
            help="Prove what was collected: listed, stored, quarantined, lost, pending, and gaps."
            " Exit code 1 when something is missing.",
        ),
    ):
        command = option(command)
    return command


def show_completeness(
    settings: Settings,
    *,
    since: timedelta,
    compares: bool,
    verified: Sequence[str],
    as_json: bool,
) -> None:
    """Print the proof of every org. Exits with 1 when something is missing.

    Raises CollectorError where nothing has been collected yet.
    """
    until = clock.now()
    complete = True
    for org in settings.orgs:
        proof = _build_org_report(settings, org, since=until - since, until=until)
        twins = _compare_daily_files(settings, org, proof, verified) if compares or verified else []
        problems = [*proof.problems, *_list_daily_shortfalls(twins, until)]
        complete = complete and not problems
        if as_json:
            _print_report_json(proof, twins, problems)
        else:
            _print_report(proof, twins, problems)
    if not complete:
        raise click.exceptions.Exit(1)


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
    settings: Settings, org: OrgSettings, proof: CompletenessReport, verified: Sequence[str]
) -> list[HourlyDailyComparison]:
    source = event_log_file.SPEC.find_settings(org.sources)
    if source is None:
        return []
    with open_state_view(settings) as connection:
        items = batch_inventory.list_inventory_items(
            connection, org=org.name, since=proof.since, until=proof.until
        )
    mine = daily_audit.sum_hourly_files(items)
    if not mine:
        return []
    first = min(
        item.log_time
        for item in items
        if isinstance(item.facts, LogFileFacts) and item.facts.sequence
    )
    with (
        closing(SalesforceClient(org, stop_event=threading.Event())) as client,
        TemporaryDirectory() as spool,
    ):
        context = _build_source_context(org, client, Path(spool))
        try:
            return list(
                daily_audit.compare_daily_files(
                    context,
                    mine,
                    since=max(proof.since, first),
                    until=proof.until,
                    is_collected=lambda name: matches_any(name, source.event_types),
                    is_counted=lambda name: matches_any(name, verified),
                )
            )
        except CollectorError as error:
            raise CollectorError(f"the daily files could not be compared: {error}") from error


def _build_source_context(org: OrgSettings, client: SalesforceClient, spool: Path) -> SourceContext:
    return SourceContext(
        org=org.name,
        client=client,
        catalog=Catalog(client),
        spool=spool,
        find_stored_keys=lambda _keys: frozenset(),
        find_newest_time=lambda _stream: None,
    )


def _list_daily_shortfalls(twins: Sequence[HourlyDailyComparison], now: datetime) -> Iterator[str]:
    for one in twins:
        if one.is_incomplete(now):
            yield f"{one.org}/{one.event_type}: on {one.day} {one.verdict} against the daily file"


# ---- for scripts


def _print_report_json(
    proof: CompletenessReport, twins: Sequence[HourlyDailyComparison], problems: Sequence[str]
) -> None:
    parts: Mapping[str, Sequence[Any]] = {
        "count": proof.balances,
        "sequence_gap": proof.sequence_gaps,
        "quiet_hours": proof.quiet_hours,
        "windows": proof.window_coverage,
        "archived": proof.archive_comparisons,
    }
    for kind, group in parts.items():
        for one in group:
            print_json({"kind": kind, **asdict(one)})
    for twin in twins:
        print_json({"kind": "daily", **asdict(twin), "verdict": twin.verdict})
    print_json(
        {
            "kind": "proof",
            "org": proof.org,
            "since": proof.since,
            "until": proof.until,
            "complete": not problems,
            "pending": sum(count.pending for count in proof.balances),
            "problems": problems,
        }
    )


# ---- for people


def _print_report(
    proof: CompletenessReport, twins: Sequence[HourlyDailyComparison], problems: Sequence[str]
) -> None:
    _print_counts(proof)
    _print_windows(proof)
    _print_daily_comparisons(twins)
    _print_harmless_gaps(proof)
    for problem in problems[:LINE_LIMIT]:
        print_line(f"missing: {problem}")
    if len(problems) > LINE_LIMIT:
        print_line(f"and {len(problems) - LINE_LIMIT:,} more: --json has all of them")
    if not problems:
        pending = sum(count.pending for count in proof.balances)
        rest = f"; {format_count(pending, 'file')} pending until the next polls" if pending else ""
        print_line(f"{proof.org}: nothing is missing of what was listed or served{rest}")


def _print_counts(proof: CompletenessReport) -> None:
    """What nobody wants to see is shown only where there is some."""
    names = ("duplicates", "quarantined", "lost", "pending")
    some = [name for name in names if any(getattr(count, name) for count in proof.balances)]
    rows = build_table(
        "event type",
        build_number_column("listed"),
        build_number_column("stored"),
        build_number_column("events"),
        *map(build_number_column, some),
        title=f"What {proof.org} has listed since {_format_time(proof.since)}",
    )
    for one in proof.balances:
        numbers = [f"{getattr(one, name):,}" for name in ("stored", "rows", *some)]
        rows.add_row(*to_cells((one.event_type, f"{one.listed:,} {one.unit}", *numbers)))
    if proof.balances:
        print_table(rows)


def _print_windows(proof: CompletenessReport) -> None:
    rows = build_table(
        "stream",
        build_fixed_column("from"),
        build_fixed_column("until"),
        build_number_column("gaps"),
        title="Time that was read",
    )
    for one in proof.window_coverage:
        name = one.stream.replace(StreamPurpose.LISTING, " (files by creation)")
        rows.add_row(
            *to_cells((name, _format_time(one.start), _format_time(one.until), len(one.gaps)))
        )
    if proof.window_coverage:
        print_table(rows)


def _print_daily_comparisons(twins: Sequence[HourlyDailyComparison]) -> None:
    rows = build_table(
        build_fixed_column("day"),
        "event type",
        build_number_column("hourly"),
        build_number_column("daily"),
        "verdict",
        title="Hourly files against daily ones",
    )
    for one in twins:
        told = format_count(one.hourly_rows, "event"), format_count(one.daily_rows or 0, "event")
        if one.daily_rows is None:
            told = (
                format_count(one.hourly_bytes, "byte"),
                format_count(one.daily_bytes or 0, "byte"),
            )
        rows.add_row(*to_cells((one.day, one.event_type, *told, one.trouble or one.verdict)))
    if twins:
        print_table(rows)


def _print_harmless_gaps(proof: CompletenessReport) -> None:
    """What looks like a gap and is none."""
    for one in proof.quiet_hours[:LINE_LIMIT]:
        hours = format_count(len(one.hours), "hour")
        print_line(
            f"{one.event_type}: {hours} without a file, which is no gap: without events is none"
        )
    for gap in [gap for gap in proof.sequence_gaps if gap.explained][:LINE_LIMIT]:
        missing = ", ".join(map(str, gap.missing))
        print_line(
            f"{gap.event_type}: file {missing} of {_format_time(gap.hour)} is unknown:"
            f" {gap.explained}"
        )


def _format_time(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%SZ")
