"""`collector quarantine list`: what could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from pathlib import Path

import click

from collector.api.quarantine import QuarantineEntry, read_entries, to_json
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

_MAX_RECORDS = 20
"""So many records of one segment are shown in a table."""

_MAX_CONTENT_CHARACTERS = 300


@click.command("list")
@config_option
@json_option
def command(config: Path, *, as_json: bool) -> None:
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
