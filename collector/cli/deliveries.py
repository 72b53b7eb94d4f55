"""`collector deliveries`: the outbox, another try, and none any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click
from rich.text import Text

from collector.api.deliveries import (
    ChannelStatus,
    DeliveryRecord,
    DeliveryReport,
    OutboxEntry,
    RetryResult,
    explain_removed_channel,
    read_deliveries,
    retry_deliveries,
    to_channel_json,
    to_json,
)
from collector.api.discarded_deliveries import (
    WaitingMessages,
    count_waiting_messages,
    discard_deliveries,
)
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    format_count,
    format_duration,
    format_value,
    print_json_lines,
    print_line,
    print_paragraph,
    print_table,
    to_safe_text,
)
from collector.escaping import escape_terminal
from collector.model import DeliveryState

_KEY_LENGTH = 14
_QUESTION_LIMIT = 400


@click.group("deliveries")
def command() -> None:
    """List the messages that have not arrived, try them again, or give them up."""


@command.command("list")
@config_option
@json_option
@click.option("--channel", help="Only of this channel.")
@click.option("--digest", metavar="KEY", help="Only what this digest tells, arrived or not.")
@click.option("--all", "everything", is_flag=True, help="Also what has arrived or is superseded.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
def list_deliveries(
    config: Path,
    *,
    as_json: bool,
    channel: str | None,
    digest: str | None,
    everything: bool,
    limit: int | None,
) -> None:
    """What has not arrived, the gravest of each channel first, and why."""
    report = read_deliveries(
        load_settings(config),
        channel=channel,
        digest=digest,
        include_finished=everything,
        limit=limit,
    )
    if as_json:
        print_json_lines(map(to_json, report.entries))
        print_json_lines(map(to_channel_json, report.closed_channels))
        return
    print_closed_channels(report.closed_channels, report.now)
    _print_entries(report)


@command.command("retry")
@config_option
@click.option("--channel", help="Only of this channel.")
@click.argument("keys", nargs=-1)
def retry_messages(config: Path, *, channel: str | None, keys: tuple[str, ...]) -> None:
    """Try what has not arrived again, at once: all of it, or what has a key that begins with KEYS.

    Worth it after a channel was mended on its own side. A change of its settings does the same.
    """
    results = retry_deliveries(load_settings(config), channel=channel, key_prefixes=keys)
    if not results:
        print_line("nothing waits")
        return
    for result in results:
        for sentence in _describe_retry(result):
            print_line(f"{result.channel}: {sentence}")
    if any(result.due_count for result in results):
        print_line("a running collector sends them now, else the next `collector run`")


@command.command("discard")
@config_option
@click.option("--channel", required=True, help="The channel whose messages are given up.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard_messages(config: Path, *, channel: str, yes: bool) -> None:
    """Give up what waits on a channel, as one that is not configured any more: it is never sent.

    The alerts stay in `collector alerts list`, and `deliveries list --all` keeps what was given up.
    """
    settings = load_settings(config)
    waiting = count_waiting_messages(settings, channel)
    if not yes:
        click.confirm(_ask_to_discard(waiting), abort=True, err=True)
    count = discard_deliveries(settings, channel)
    print_line(f"{channel}: {format_count(count, 'message')} discarded")


def _ask_to_discard(waiting: WaitingMessages) -> str:
    severities = ", ".join(f"{count:,} {severity}" for severity, count in waiting.counts.items())
    place = f"{waiting.channel}, which is configured" if waiting.is_configured else waiting.channel
    noun = format_count(waiting.total, "message")
    question = f"{noun} ({severities}) on {place}, will never be sent. Discard?"
    return escape_terminal(question, _QUESTION_LIMIT)


def _describe_retry(result: RetryResult) -> Iterator[str]:
    if result.removed_count:
        noun = format_count(result.removed_count, "message")
        yield f"{noun} cannot leave: {explain_removed_channel(result.channel)}"
    if result.due_count:
        yield f"{format_count(result.due_count, 'message')} due now"
    if result.digest_due is not None:
        yield (
            f"{format_count(result.digest_count, 'message')} held for the digest that leaves at"
            f" {result.digest_due:%Y-%m-%d %H:%M:%S}Z"
        )


def print_closed_channels(statuses: Sequence[ChannelStatus], now: datetime) -> None:
    """Print for each channel that takes no messages since when, why, and what comes next."""
    for status in statuses:
        since = f" for {format_duration(now - status.since)}" if status.since else ""
        held_until = status.held_until or now
        pause = f"in {format_duration(held_until - now)}" if held_until > now else "now"
        print_paragraph(
            f"{status.channel} has been {status.state}{since}: {status.reason}. The next try is"
            f" {pause}; `collector deliveries retry --channel {status.channel}` makes it at once."
        )


def format_delivery(delivery: DeliveryRecord) -> str:
    """How one message of an alert went: `chat sent 2026-03-01T12:00:00.000Z in a digest`."""
    since = format_value(delivery.finished or delivery.created)
    digest = f" in {delivery.digest}" if delivery.digest else ""
    place = f" instead of {delivery.instead_of}" if delivery.instead_of else ""
    reason = f" ({delivery.reason})" if delivery.reason else ""
    return f"{delivery.channel} {delivery.state} {since}{digest}{place}{reason}"


def print_told(deliveries: Sequence[DeliveryRecord]) -> None:
    """Print to whom an alert was told, and how; nothing of what a later message has replaced."""
    told = [each for each in deliveries if each.state != DeliveryState.SUPERSEDED]
    print_paragraph(f"Told: {'; '.join(map(format_delivery, told)) or 'nobody'}.")


def _print_entries(report: DeliveryReport) -> None:
    if not report.entries:
        print_line("every message has arrived")
        return
    table = build_table(
        build_fixed_column("key"),
        "channel",
        build_fixed_column("severity"),
        build_fixed_column("state"),
        build_number_column("tries"),
        build_number_column("age"),
        build_number_column("next"),
        "message",
    )
    for entry in report.entries:
        add_row(
            table,
            entry.key[:_KEY_LENGTH],
            entry.channel,
            color_severity(entry.severity),
            entry.state,
            f"{entry.attempts:,}",
            format_duration(report.now - entry.created),
            _format_next(entry, report),
            _format_message(entry),
        )
    print_table(table)


def _format_next(entry: OutboxEntry, report: DeliveryReport) -> str:
    if entry.state not in (DeliveryState.READY, DeliveryState.REJECTED):
        return ""
    if entry.channel not in report.channels:
        return "never"
    due = report.find_digest_due(entry) or entry.due
    return format_duration(due - report.now) if due > report.now else "due"


def _format_message(entry: OutboxEntry) -> Text:
    """The title, and below it what else there is to say."""
    title = entry.title if entry.title is not None else "digest"
    remarks = [
        f"instead of {entry.instead_of}" if entry.instead_of else "",
        f"in {entry.digest}" if entry.digest else "",
        entry.reason,
    ]
    details = "; ".join(filter(None, remarks))
    below = ("\n", (to_safe_text(details), "dim")) if details else ()
    return Text.assemble(to_safe_text(title), *below)
