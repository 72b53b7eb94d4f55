"""What several commands share: the configuration option, its loading, output as JSON or a table."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from collector import text
from collector.model import Severity
from collector.observe import configure
from collector.settings import Settings, load, secrets_in

DEFAULT_CONFIG = "collector.yaml"

COLORS = {
    Severity.INFORMATIONAL: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "dark_orange",
    Severity.CRITICAL: "bold red",
}

Command = Callable[..., Any]


def config_option(command: Command) -> Command:
    """Add `-c`, which defaults to $COLLECTOR_CONFIG, then to ./collector.yaml."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="COLLECTOR_CONFIG",
        default=DEFAULT_CONFIG,
        show_default=True,
        help="The configuration file; also $COLLECTOR_CONFIG.",
    )(command)


def json_option(command: Command) -> Command:
    """Add `--json`: one JSON object a line."""
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON object a line, for scripts."
    )(command)


def load_settings(config: Path) -> Settings:
    """The settings of a file; its warnings go to stderr. Secrets are kept out of the logs."""
    loaded = load(config, os.environ)
    for warning in loaded.warnings:
        click.echo(f"{warning} (warning)", err=True)
    configure(secrets=secrets_in(loaded.settings))
    return loaded.settings


def quiet_logs() -> None:
    """For commands that talk to a person: only what went wrong is logged."""
    configure(level="error")


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON object on one line; severities by name, times as ISO 8601 in UTC."""
    click.echo(json.dumps(values, default=_plain, ensure_ascii=False))


def print_table(table: Table) -> None:
    """A table as wide as the terminal."""
    Console().print(table)


def table(*columns: str, title: str = "") -> Table:
    """An empty table in the house style. Cells are text, never markup."""
    made = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def cells(values: Iterable[object]) -> list[Any]:
    """Values as table cells: whatever came from an org is made visible and harmless."""
    return [
        value if isinstance(value, Text) else Text(text.terminal(str(value), 2_000))
        for value in values
    ]


def moment(value: datetime | None) -> str:
    """A time for people, in UTC."""
    return "never" if value is None else value.strftime("%Y-%m-%d %H:%M:%SZ")


def colored(severity: Severity) -> Any:
    """A severity in its color."""
    return Text(str(severity), style=COLORS[severity])


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)
