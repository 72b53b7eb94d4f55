"""`collector hunt`: SQL over the archive, and one event in full."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain, count
from pathlib import Path
from typing import Any

import click
import duckdb

from collector import normalize
from collector.archive import hunt_query
from collector.archive.hunt_query import HuntResult
from collector.cli.event_trace import show_event
from collector.cli.options import config_option, json_option, load_settings, open_state_view
from collector.cli.output import (
    build_table,
    print_json,
    print_stderr,
    print_table,
    to_cells,
    to_json_value,
    to_safe_text,
)
from collector.errors import CollectorError, HuntError
from collector.escaping import collapse_whitespace, escape_csv_cell
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.settings import Settings
from collector.store import ledger

_RESOURCE_ERRORS = (duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.IOException)
"""What ends a query that is well written."""


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
@click.option("--event", "event_uid", metavar="UID", help="The whole way of one event, no SQL.")
@click.argument("sql", required=False)
def command(
    config: Path,
    *,
    style: str,
    as_json: bool,
    seconds: float,
    limit: int,
    event_uid: str | None,
    sql: str | None,
) -> None:
    """Run one SELECT over the table `events`, or over a view such as `Login` or `ApiEvent`.

    The archive is read-only, and nothing else can be read. A column of the org's own whose name is
    also one of ours is called raw_NAME: raw_USER_ID beside user_id. Exit code 2 for a mistake in
    the SQL, 1 for a query that took too much time or memory.

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
        _run_query(settings, sql, style=style, seconds=seconds, limit=limit)


def _show_event(settings: Settings, event_uid: str, style: str) -> None:
    if style == "csv":
        raise click.UsageError("an event is shown as tables or as JSON, not as CSV")
    show_event(settings, event_uid, as_json=style == "json")


def _run_query(settings: Settings, sql: str, *, style: str, seconds: float, limit: int) -> None:
    with open_state_view(settings) as connection:
        files = ledger.list_archive_files(connection)
    if not files:
        raise CollectorError("the archive is empty: no event has been collected yet")
    try:
        answer = hunt_query.run_hunt_query(
            sql,
            archive=StatePaths(state_dir=settings.state_dir).archive,
            files=files,
            derived_types=normalize.DERIVED_EVENT_TYPES,
            timeout_seconds=seconds,
            limit=limit,
        )
    except HuntError as error:
        if isinstance(error.__context__, _RESOURCE_ERRORS):
            raise
        raise click.UsageError(_explain_error(error, files)) from error
    {"table": _print_answer_table, "csv": _print_answer_csv, "json": _print_answer_json}[style](
        answer
    )
    if answer.truncated:
        print_stderr(f"only the first {limit:,} rows: see --limit")


def _explain_error(error: HuntError, files: Sequence[ArchiveFile]) -> str:
    """What is wrong with the SQL, in one sentence; where a table is unknown, which there are."""
    message = str(error)
    if not message.startswith("Catalog Error: Table "):
        return to_safe_text(collapse_whitespace(message))
    stored = {file.event_type for file in files}
    derived = {
        name
        for name, view in normalize.DERIVED_EVENT_TYPES.items()
        if not stored.isdisjoint(view.source_types)
    }
    tables = ", ".join(["events", *sorted(stored | derived)])
    return to_safe_text(f"{message.splitlines()[0]} There are {tables}")


def _print_answer_table(answer: HuntResult) -> None:
    rows = build_table(*answer.columns)
    for row in answer.rows:
        rows.add_row(*to_cells(_to_plain_text(value) for value in row))
    print_table(rows)


def _print_answer_csv(answer: HuntResult) -> None:
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([escape_csv_cell(name) for name in answer.columns])
    for row in answer.rows:
        writer.writerow([_to_csv_value(value) for value in row])


def _print_answer_json(answer: HuntResult) -> None:
    names = _number_duplicates(answer.columns)
    for row in answer.rows:
        print_json(dict(zip(names, row, strict=True)))


def _to_csv_value(value: Any) -> str:
    """Only text may look like a formula: the `-` of a number stays one."""
    written = _to_plain_text(value)
    return written if isinstance(value, int | float | Decimal) else escape_csv_cell(written)


def _to_plain_text(value: Any) -> str:
    """NULL is empty, times are ISO 8601, lists and structs are JSON."""
    value = to_json_value(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number_duplicates(names: Sequence[str]) -> list[str]:
    """The names of columns, each once: `n`, `n_2`."""
    result: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in count(2))
        result.append(next(each for each in chain([name], numbered) if each not in result))
    return result
