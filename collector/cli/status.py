"""`collector status`: how collecting and delivering goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from collector.api.call_forecast import OrgCallForecast
from collector.api.readable_files import UnreadableFile
from collector.api.status import StatusReport, read_status, to_json_lines
from collector.cli.completeness import completeness_options, show_completeness
from collector.cli.deliveries import print_closed_channels
from collector.cli.kept_state import print_directories, print_retention
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_number_column,
    build_table,
    format_duration,
    group_by_message,
    print_json_lines,
    print_line,
    print_paragraph,
    print_table,
    to_safe_text,
)
from collector.collection.forecast_words import describe_total, format_interval, list_remedies
from collector.errors import CollectorError
from collector.model import PollState
from collector.rules.coverage import SilentRule

_EVENT_TYPE_LIMIT = 4
"""So many event types share a reason before the others are only counted."""

_FILE_LIMIT = 20
"""So many unreadable files are listed."""

_DAMAGE_WORDS = {"new": "not missed yet", "waiting": "asked for again", "lost": "lost"}

_PROBLEM_COLUMNS = ("pruned", "unknown_times", "quarantined", "bad_records", "lost")
_STATE_STYLES = {PollState.OK: "green", PollState.FAILED: "bold red"}


@click.command("status")
@config_option
@json_option
@completeness_options
def command(config: Path, *, as_json: bool, completeness: bool, **proof: Any) -> None:
    """Every stream and how far behind it is, what is stored, silent rules, and the outbox."""
    settings = load_settings(config)
    if completeness or proof["compares"] or proof["verified"]:
        show_completeness(settings, as_json=as_json, **proof)
        return
    status = read_status(settings)
    if as_json:
        print_json_lines(to_json_lines(status))
    else:
        _print_status(status, [org.name for org in settings.orgs])
    if status.archive_problem:
        raise CollectorError(status.archive_problem)


# ---- for people


def _print_status(status: StatusReport, orgs: Sequence[str]) -> None:
    if not status.polls:
        print_line("nothing has been collected yet: `collector run` does it")
        _print_rule_problems(status)
        return
    for org in orgs:
        _print_streams(status, org)
    for org_forecast in status.call_forecasts:
        _print_calls(org_forecast)
    for org in orgs:
        _print_totals(status, org)
    print_directories(status.directories)
    print_retention(status.retention, status.now)
    _print_unreadable_files(status.unreadable_files)
    if status.chain_head:
        print_line(f"Head of the hash chain: {status.chain_head.number}:{status.chain_head.hash}")
    _print_rule_problems(status)
    _print_silent_rules(status.silent_rules)
    _print_outbox(status)


def _print_streams(status: StatusReport, org: str) -> None:
    table = build_table(
        build_fixed_column("source"),
        "stream",
        build_fixed_column("state"),
        build_number_column("polled"),
        build_number_column("behind"),
        title=f"Streams of {org}",
    )
    previous_source = ""
    for poll in status.polls:
        if poll.stream.org != org or poll.state == PollState.UNAVAILABLE:
            continue
        stream, complete_until = poll.stream, status.complete_until.get(poll.stream)
        source = "" if stream.source == previous_source else stream.source
        previous_source = stream.source
        state = Text(poll.state, style=_STATE_STYLES.get(poll.state, ""))
        behind = format_duration(status.now - complete_until) if complete_until else "unknown"
        polled = f"{format_duration(status.now - poll.last_attempt)} ago"
        add_row(table, source, _format_stream_name(stream.name), state, polled, behind)
    if table.rows:
        print_table(table)
    _print_reasons(status, org, PollState.FAILED, "failed")
    _print_reasons(status, org, PollState.PAUSED, "paused")
    _print_reasons(status, org, PollState.UNAVAILABLE, "not available")
    for clock in status.clocks:
        if clock.org == org and clock.reason:
            print_paragraph(f"clock: {clock.reason}")


def _print_reasons(status: StatusReport, org: str, state: PollState, words: str) -> None:
    """A paragraph for each reason, with the streams that share it."""
    by_source: dict[str, list[tuple[str, str]]] = {}
    for poll in status.polls:
        if poll.stream.org == org and poll.state == state:
            by_source.setdefault(poll.stream.source, []).append((poll.stream.name, poll.reason))
    for source, messages in by_source.items():
        for names, reason in group_by_message(messages):
            streams = _format_stream_name(names[0]) if len(names) == 1 else f"{len(names)} streams"
            listed = "" if len(names) == 1 else f" ({', '.join(names)})"
            print_paragraph(f"{source}: {streams} {words}: {reason}{listed}")


def _print_calls(org_forecast: OrgCallForecast) -> None:
    """How often each source is asked, what that takes of the org's API calls, and why."""
    forecast = org_forecast.forecast
    table = build_table(
        "source",
        build_number_column("asked every"),
        build_number_column("configured"),
        build_number_column("calls a day"),
        title=f"API calls of {org_forecast.org}",
    )
    for group in forecast.groups:
        every = "paused" if group.is_paused else format_interval(group.interval)
        configured, calls = format_interval(group.configured), f"{group.daily_calls:,.0f}"
        add_row(table, str(group), every, configured, calls)
    print_table(table)
    print_paragraph(f"{org_forecast.org}: {describe_total(forecast)}")
    for sentence in list_remedies(forecast):
        print_paragraph(f"{org_forecast.org}: {sentence}")


def _format_stream_name(stream: str) -> str:
    return "everything" if stream == "*" else stream


def _print_totals(status: StatusReport, org: str) -> None:
    totals = [total for total in status.totals if total.org == org]
    # These columns are shown only where one of them has a count.
    problem_columns = [
        name for name in _PROBLEM_COLUMNS if any(getattr(total, name) for total in totals)
    ]
    names = ["batches", "duplicates", *problem_columns]
    table = build_table(
        "event type",
        build_number_column("events"),
        *(build_number_column(name.replace("_", " ")) for name in names),
        build_number_column("newest"),
        title=f"Archive of {org}",
    )
    for total in totals:
        counts = [f"{getattr(total, name):,}" for name in ("rows", *names)]
        newest = f"{format_duration(status.now - total.newest)} ago"
        add_row(table, total.event_type, *counts, newest)
    if totals:
        print_table(table)


def _print_unreadable_files(files: Sequence[UnreadableFile]) -> None:
    table = build_table(
        "file",
        build_number_column("events"),
        build_fixed_column("events are"),
        "what is wrong",
        title="Files of the archive that cannot be read",
    )
    for file in files[:_FILE_LIMIT]:
        add_row(table, file.path, f"{file.rows:,}", _DAMAGE_WORDS[file.state], file.reason)
    if files:
        print_table(table)
    if len(files) > _FILE_LIMIT:
        print_line(f"and {len(files) - _FILE_LIMIT:,} more: see --json")


def _print_rule_problems(status: StatusReport) -> None:
    """What is wrong with rules; nothing where nothing is."""
    report = status.rule_status
    if report.problems:
        last_loading = report.last_loading
        suffix = f"; the {last_loading.rules} other rules stay at work" if last_loading else ""
        print_line(f"Rule files are broken{suffix}:")
        for problem in report.problems:
            print_line(f"  {to_safe_text(problem)}")
    table = build_table(
        build_fixed_column("rule"),
        "org",
        build_number_column("failures"),
        build_number_column("last"),
        "reason",
        title="Rules that fail while they run",
    )
    for fault in report.faults:
        last = f"{format_duration(status.now - fault.last)} ago"
        add_row(table, fault.rule, fault.org, f"{fault.count:,}", last, fault.reason)
    if report.faults:
        print_table(table)


def _print_silent_rules(silent: Sequence[SilentRule]) -> None:
    table = build_table(
        build_fixed_column("rule"), "why", title="Rules that have had nothing to look at"
    )
    for rule in silent:
        why = "; ".join(_group_reasons(rule.why)) or "no event so far"
        add_row(table, rule.rule, why if rule.can_fire else f"cannot fire: {why}")
    if silent:
        print_table(table)


def _group_reasons(why: Mapping[str, str]) -> Iterator[str]:
    """Each reason once, with the event types that it is true of."""
    groups: dict[str, list[str]] = {}
    for event_type, reason in why.items():
        groups.setdefault(reason, []).append(event_type)
    for reason, names in groups.items():
        more = (
            f" and {len(names) - _EVENT_TYPE_LIMIT} more" if len(names) > _EVENT_TYPE_LIMIT else ""
        )
        yield f"{', '.join(names[:_EVENT_TYPE_LIMIT])}{more}: {reason}"


def _print_outbox(status: StatusReport) -> None:
    print_closed_channels(status.closed_channels, status.now)
    table = build_table(
        "channel",
        build_fixed_column("state"),
        build_number_column("messages"),
        build_number_column("oldest"),
        "reason",
        title="Outbox",
    )
    for stats in status.queue_stats:
        oldest = f"{format_duration(status.now - stats.oldest)} ago"
        add_row(table, stats.channel, stats.state, f"{stats.count:,}", oldest, stats.reason)
    if status.queue_stats:
        print_table(table)
    if status.journal_problem:
        print_paragraph(f"{status.journal_problem}.")
