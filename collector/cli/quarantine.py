"""`collector quarantine`: what could not be read, and another try."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from pathlib import Path

import click

from collector.api.quarantine import QuarantineEntry, read_entries, to_json
from collector.app.wiring import open_collector
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import (
    add_row,
    build_number_column,
    build_table,
    format_count,
    print_json_lines,
    print_line,
    print_table,
)
from collector.escaping import escape_terminal
from collector.ingest import quarantine
from collector.ingest.state_paths import StatePaths

_MAX_RECORDS = 20
"""So many records of one segment are shown in a table."""

_MAX_CONTENT_CHARACTERS = 300


@click.group("quarantine")
def command() -> None:
    """List what could not be read, and try it again."""


@command.command("list")
@config_option
@json_option
def list_entries(config: Path, *, as_json: bool) -> None:
    """Every record, and every whole segment of a log, that is set aside: why, and how it begins.

    Of each segment the first records; --json has all of them.
    """
    entries = read_entries(load_settings(config))
    if as_json:
        print_json_lines(map(to_json, entries))
    else:
        _print_entries(entries)


def _print_entries(entries: Iterable[QuarantineEntry]) -> None:
    table = build_table(
        "batch",
        "event type",
        "of",
        build_number_column("segment"),
        build_number_column("line"),
        build_number_column("bytes"),
        "reason",
        "content",
        title="Quarantine",
    )
    omitted_count = 0
    for _, group in groupby(entries, key=lambda entry: (entry.batch.key, entry.index)):
        for entry in islice(group, _MAX_RECORDS):
            add_row(table, *_build_cells(entry))
        omitted_count += sum(1 for _ in group)
    if table.row_count:
        print_table(table)
    else:
        click.echo("nothing is in quarantine")
    if omitted_count:
        print_line(f"and {format_count(omitted_count, 'record')} more: --json lists them all")


def _build_cells(entry: QuarantineEntry) -> tuple[object, ...]:
    batch = entry.batch
    return (
        batch.key[:8],
        batch.event_type,
        f"{batch.log_time:%Y-%m-%d %H:%M}",
        entry.index,
        f"{entry.record.line:,}" if entry.record else "all",
        f"{entry.size:,}",
        entry.reason,
        escape_terminal(entry.read_content(), _MAX_CONTENT_CHARACTERS),
    )


@command.command("retry")
@config_option
@click.argument("keys", nargs=-1)
def retry_batches(config: Path, keys: tuple[str, ...]) -> None:
    """Read everything that is set aside once more, or the batches whose key begins with KEYS.

    Worth a try after an update, or after a file was mended by hand.
    """
    failed = False
    with open_collector(load_settings(config)) as collector:
        paths = StatePaths(state_dir=collector.settings.state_dir)
        for quarantined in list(quarantine.list_batches(paths.quarantine)):
            batch = quarantined.batch
            if keys and not batch.key.startswith(keys):
                continue
            result = collector.pipeline.retry_quarantined(quarantined)
            unread = len(result.quarantine_reasons)
            failed = failed or unread > 0
            suffix = f"; still unreadable: {'; '.join(result.quarantine_reasons)}" if unread else ""
            click.echo(f"{batch.key[:8]} {batch.event_type}: {result.rows:,} events{suffix}")
    if failed:
        raise click.exceptions.Exit(1)
