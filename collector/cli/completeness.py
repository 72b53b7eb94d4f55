"""`collector status --completeness`: the proof of what was collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from collector.api.completeness import (
    OrgCompleteness,
    compare_with_daily_files,
    format_stream_name,
    prove_completeness,
    to_json_lines,
)
from collector.cli.options import parse_duration
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_number_column,
    build_table,
    format_count,
    print_json_lines,
    print_line,
    print_table,
)
from collector.completeness import CompletenessReport
from collector.completeness.daily_audit import HourlyDailyComparison
from collector.settings import Settings

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
    settings: Settings, *, since: timedelta, compares: bool, verified: Sequence[str], as_json: bool
) -> None:
    """Print the proof of every org. Exits with 1 when something is missing.

    Raises CollectorError where nothing has been collected yet.
    """
    is_complete = True
    proofs = (
        compare_with_daily_files(settings, since=since, counted_types=verified)
        if compares or verified
        else prove_completeness(settings, since=since)
    )
    for proof in proofs:
        is_complete = is_complete and not proof.problems
        if as_json:
            print_json_lines(to_json_lines(proof))
        else:
            _print_proof(proof)
    if not is_complete:
        raise click.exceptions.Exit(1)


# ---- for people


def _print_proof(proof: OrgCompleteness) -> None:
    report, problems = proof.report, proof.problems
    _print_counts(report)
    _print_windows(report)
    _print_daily_comparisons(proof.daily_comparisons)
    _print_harmless_gaps(report)
    for total in report.folded[:LINE_LIMIT]:
        print_line(
            f"{total.source}/{total.event_type}: {format_count(total.rows, 'event')} of"
            f" {total.batches:,} batches up to {_format_time(total.newest)} are only counted: the"
            " ledger keeps no batches of their age"
        )
    for problem in problems[:LINE_LIMIT]:
        print_line(f"missing: {problem}")
    if len(problems) > LINE_LIMIT:
        print_line(f"and {len(problems) - LINE_LIMIT:,} more: --json has all of them")
    if not problems:
        pending = proof.pending_count
        rest = f"; {format_count(pending, 'file')} pending until the next polls" if pending else ""
        print_line(f"{report.org}: nothing is missing of what was listed or served{rest}")


def _print_counts(report: CompletenessReport) -> None:
    """Print the balances; duplicates and what is missing are columns only where there is some."""
    names = ("duplicates", "quarantined", "lost", "pending")
    shown = [name for name in names if any(getattr(each, name) for each in report.balances)]
    table = build_table(
        "event type",
        build_number_column("listed"),
        build_number_column("stored"),
        build_number_column("events"),
        *map(build_number_column, shown),
        title=f"What {report.org} has listed since {_format_time(report.since)}",
    )
    for each in report.balances:
        numbers = [f"{getattr(each, name):,}" for name in ("stored", "rows", *shown)]
        add_row(table, each.event_type, f"{each.listed:,} {each.unit}", *numbers)
    if report.balances:
        print_table(table)


def _print_windows(report: CompletenessReport) -> None:
    table = build_table(
        "stream",
        build_fixed_column("from"),
        build_fixed_column("until"),
        build_number_column("gaps"),
        title="Time that was read",
    )
    for window in report.window_coverage:
        name = format_stream_name(window)
        add_row(
            table, name, _format_time(window.start), _format_time(window.until), len(window.gaps)
        )
    if report.window_coverage:
        print_table(table)


def _print_daily_comparisons(comparisons: Sequence[HourlyDailyComparison]) -> None:
    table = build_table(
        build_fixed_column("day"),
        "event type",
        build_number_column("hourly"),
        build_number_column("daily"),
        "verdict",
        title="Hourly files against daily ones",
    )
    for day in comparisons:
        sizes = (format_count(day.hourly_rows, "event"), format_count(day.daily_rows or 0, "event"))
        if day.daily_rows is None:
            sizes = (
                format_count(day.hourly_bytes, "byte"),
                format_count(day.daily_bytes or 0, "byte"),
            )
        add_row(table, day.day, day.event_type, *sizes, day.trouble or day.verdict)
    if comparisons:
        print_table(table)


def _print_harmless_gaps(report: CompletenessReport) -> None:
    """Print what looks like a gap and is none."""
    for quiet in report.quiet_hours[:LINE_LIMIT]:
        hours = format_count(len(quiet.hours), "hour")
        print_line(
            f"{quiet.event_type}: {hours} without a file, which is no gap: without events is none"
        )
    for gap in [gap for gap in report.sequence_gaps if gap.explained][:LINE_LIMIT]:
        missing = ", ".join(map(str, gap.missing))
        file = f"file {missing} of {_format_time(gap.hour)}"
        print_line(f"{gap.event_type}: {file} is unknown: {gap.explained}")


def _format_time(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%SZ")
