"""`collector hunt`: SQL over the archive, and one event in full."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import click

from collector import clock
from collector.api.hunt import HuntResult, TimeBounds, run_hunt, to_json_lines
from collector.api.json_values import to_json_value
from collector.cli.event_trace import show_event
from collector.cli.options import config_option, json_option, load_settings, parse_duration
from collector.cli.output import (
    build_table,
    format_plain_value,
    print_json_lines,
    print_stderr,
    print_table,
    to_cells,
    to_safe_text,
)
from collector.errors import InvalidSqlError
from collector.escaping import escape_csv_cell, escape_invisible
from collector.settings import Settings


@click.command("hunt")
@config_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
@json_option
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1, max=86_400),
    default=60.0,
    show_default=True,
    help="How long the query may take.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="How many rows are printed at most.",
)
@click.option(
    "--since",
    callback=parse_duration,
    metavar="24h",
    help="Only events since then: the files of other times are not opened.",
)
@click.option("--until", callback=parse_duration, metavar="1h", help="Only events before then.")
@click.option("--event", "event_uid", metavar="UID", help="The whole way of one event, no SQL.")
@click.argument("sql", required=False)
def command(
    config: Path,
    *,
    style: str,
    as_json: bool,
    seconds: float,
    limit: int,
    since: timedelta | None,
    until: timedelta | None,
    event_uid: str | None,
    sql: str | None,
) -> None:
    """Run one SELECT over the table `events`, or over a view such as `Login` or `ApiEvent`.

    The archive is read-only, and nothing else can be read. A column of the org's own whose name is
    also one of ours is called raw_NAME: raw_USER_ID beside user_id. Exit code 2 for a mistake in
    the SQL, 1 for a query that took too much time or memory.

    With --since, or a condition such as time >= now() - INTERVAL 1 DAY, the files of other times
    are not opened: on a large archive that is the difference between a second and a minute.

    With --event UID, instead: where that event came from and how late, what it says, which rules
    matched it, who was told, and what is beside it. Exit code 1 where nobody knows it.
    """
    style = "json" if as_json else style
    settings = load_settings(config)
    if (sql is None) == (event_uid is None):
        raise click.UsageError("give a SELECT, or --event with the uid of an event")
    if event_uid is not None:
        _show_event(settings, event_uid, style)
    if sql is not None:
        result = _run_query(
            settings, sql, seconds=seconds, limit=limit, span=_build_span(since, until)
        )
        {"table": _print_table, "csv": _print_csv, "json": _print_json}[style](result)
        if result.truncated:
            print_stderr(f"only the first {limit:,} rows: see --limit")


def _show_event(settings: Settings, event_uid: str, style: str) -> None:
    if style == "csv":
        raise click.UsageError("an event is shown as tables or as JSON, not as CSV")
    show_event(settings, event_uid, as_json=style == "json")


def _run_query(
    settings: Settings, sql: str, *, seconds: float, limit: int, span: TimeBounds
) -> HuntResult:
    try:
        return run_hunt(settings, sql, timeout_seconds=seconds, limit=limit, span=span)
    except InvalidSqlError as error:
        raise click.UsageError(to_safe_text(error)) from error


def _build_span(since: timedelta | None, until: timedelta | None) -> TimeBounds:
    """The times between two that are so long ago."""
    if since is not None and until is not None and since <= until:
        raise click.UsageError("--since has to be longer ago than --until")
    now = clock.now()
    return TimeBounds(
        first=None if since is None else now - since, last=None if until is None else now - until
    )


def _print_table(result: HuntResult) -> None:
    table = build_table(*result.columns)
    for row in result.rows:
        table.add_row(*to_cells(_to_plain_text(value) for value in row))
    print_table(table)


def _print_csv(result: HuntResult) -> None:
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL, lineterminator="\n")
    show = _choose_csv_form()
    writer.writerow([show(escape_csv_cell(name)) for name in result.columns])
    for row in result.rows:
        writer.writerow([show(_to_csv_value(value)) for value in row])


def _choose_csv_form() -> Callable[[str], str]:
    """What a cell is written as: on a terminal nothing may act, in a file it stays as it is."""
    return escape_invisible if sys.stdout.isatty() else str


def _print_json(result: HuntResult) -> None:
    print_json_lines(to_json_lines(result))


def _to_csv_value(value: object) -> str:
    """Only text may look like a formula: the `-` of a number stays one."""
    text = _to_plain_text(value)
    return text if isinstance(value, int | float | Decimal) else escape_csv_cell(text)


def _to_plain_text(value: object) -> str:
    """NULL is empty, times are ISO 8601, lists and structs are JSON."""
    return format_plain_value(to_json_value(value))
