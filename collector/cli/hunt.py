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
from collector.archive import hunt
from collector.archive.hunt import Answer
from collector.cli.common import cells, plain, print_json, print_table, shown, table, tell
from collector.cli.journey import show_event
from collector.cli.options import config_option, json_option, load_settings, reading
from collector.errors import CollectorError, HuntError
from collector.model import ArchiveFile
from collector.pipeline import Places
from collector.settings import Settings
from collector.store import ledger
from collector.text import csv_cell, one_line

_NOT_THE_QUERY = (duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.IOException)
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
        _hunt(settings, sql, style=style, seconds=seconds, limit=limit)


def _show_event(settings: Settings, event_uid: str, style: str) -> None:
    if style == "csv":
        raise click.UsageError("an event is shown as tables or as JSON, not as CSV")
    show_event(settings, event_uid, as_json=style == "json")


def _hunt(settings: Settings, sql: str, *, style: str, seconds: float, limit: int) -> None:
    with reading(settings) as connection:
        files = ledger.archive_files(connection)
    if not files:
        raise CollectorError("the archive is empty: no event has been collected yet")
    try:
        answer = hunt.hunt(
            sql,
            root=Places(state_dir=settings.state_dir).archive,
            files=files,
            derived=normalize.DERIVED,
            seconds=seconds,
            limit=limit,
        )
    except HuntError as error:
        if isinstance(error.__context__, _NOT_THE_QUERY):
            raise
        raise click.UsageError(_explained(error, files)) from error
    {"table": _print_table, "csv": _print_csv, "json": _print_json}[style](answer)
    if answer.truncated:
        tell(f"only the first {limit:,} rows: see --limit")


def _explained(error: HuntError, files: Sequence[ArchiveFile]) -> str:
    """What is wrong with the SQL, in one sentence; where a table is unknown, which there are."""
    message = str(error)
    if not message.startswith("Catalog Error: Table "):
        return shown(one_line(message))
    stored = {file.event_type for file in files}
    derived = {
        name for name, view in normalize.DERIVED.items() if not stored.isdisjoint(view.sources)
    }
    tables = ", ".join(["events", *sorted(stored | derived)])
    return shown(f"{message.splitlines()[0]} There are {tables}")


def _print_table(answer: Answer) -> None:
    rows = table(*answer.columns)
    for row in answer.rows:
        rows.add_row(*cells(_as_text(value) for value in row))
    print_table(rows)


def _print_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in answer.columns])
    for row in answer.rows:
        writer.writerow([_csv_value(value) for value in row])


def _print_json(answer: Answer) -> None:
    names = _distinct(answer.columns)
    for row in answer.rows:
        print_json(dict(zip(names, row, strict=True)))


def _csv_value(value: Any) -> str:
    """Only text may look like a formula: the `-` of a number stays one."""
    written = _as_text(value)
    return written if isinstance(value, int | float | Decimal) else csv_cell(written)


def _as_text(value: Any) -> str:
    """NULL is empty, times are ISO 8601, lists and structs are JSON."""
    value = plain(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _distinct(names: Sequence[str]) -> list[str]:
    """The names of columns, each once: `n`, `n_2`."""
    result: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in count(2))
        result.append(next(each for each in chain([name], numbered) if each not in result))
    return result
