"""`collector hunt`: SQL over the archive."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from collector import normalize
from collector.archive import hunt
from collector.archive.hunt import Answer
from collector.assembly import database_of
from collector.cli.common import cells, config_option, load_settings, print_json, table
from collector.pipeline import Places
from collector.store import ledger
from collector.text import csv_cell


@click.command("hunt")
@config_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=60.0, show_default=True)
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True)
@click.argument("sql")
def command(config: Path, *, style: str, seconds: float, limit: int, sql: str) -> None:
    """Run one SELECT over the table `events`, or over a view such as `Login` or `ApiEvent`.

    The archive is read-only, and nothing else can be read. A column of the org's own whose name is
    also one of ours is called raw_NAME: raw_USER_ID beside user_id.
    """
    settings = load_settings(config)
    with database_of(settings).read() as connection:
        files = ledger.archive_files(connection)
    answer = hunt.hunt(
        sql,
        root=Places(state_dir=settings.state_dir).archive,
        files=files,
        derived=normalize.DERIVED,
        seconds=seconds,
        limit=limit,
    )
    {"table": _print_table, "csv": _print_csv, "json": _print_json}[style](answer)
    if answer.truncated:
        click.echo(f"only the first {limit:,} rows; see --limit", err=True)


def _print_table(answer: Answer) -> None:

    rows = table(*answer.columns)
    for row in answer.rows:
        rows.add_row(*cells("" if value is None else value for value in row))
    Console().print(rows)


def _print_csv(answer: Answer) -> None:

    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL)
    writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow(["" if value is None else csv_cell(str(value)) for value in row])


def _print_json(answer: Answer) -> None:
    for row in answer.rows:
        values: dict[str, Any] = dict(zip(answer.columns, row, strict=True))
        print_json(values)
