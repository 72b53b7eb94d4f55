"""What several commands share: options, the settings and the state, output as JSON and tables."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from collector import text
from collector.assembly import database_of, shipped
from collector.errors import CollectorError
from collector.model import Severity
from collector.observe import configure
from collector.settings import Settings, load, secrets_in
from collector.settings.values import Duration
from collector.store.database import FILE_NAME

DEFAULT_CONFIG = "collector.yaml"

COLORS = {
    Severity.INFORMATIONAL: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "dark_orange",
    Severity.CRITICAL: "bold red",
}

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)

Command = Callable[..., Any]


# ---- options


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


class DurationType(click.ParamType):
    """`30s`, `5m`, `24h` or `30d`, as in the configuration."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The duration. Fails as click wants it where the text is none."""
        try:
            return _DURATION.validate_python(value)
        except ValidationError as error:
            self.fail(error.errors()[0]["msg"].removeprefix("Value error, "), param, ctx)


# ---- the settings and the state


def require_config(config: Path) -> Path:
    """The path of a configuration that exists. Raises click's UsageError (exit code 2)."""
    if config.exists():
        return config
    example = shipped("config") / "collector.example.yaml"
    raise click.UsageError(
        f"there is no configuration {shown(config)}: name one with -c or $COLLECTOR_CONFIG; "
        f"{example} is a commented example"
    )


def load_settings(config: Path) -> Settings:
    """The settings of a file; its warnings go to stderr. Secrets are kept out of the logs."""
    loaded = load(require_config(config), os.environ)
    for warning in loaded.warnings:
        tell(f"{warning} (warning)")
    configure(secrets=secrets_in(loaded.settings))
    return loaded.settings


@contextmanager
def reading(settings: Settings) -> Iterator[sa.Connection]:
    """A view of the state, for commands that only look; they create nothing."""
    state = settings.state_dir / FILE_NAME
    if settings.database_url is None and not state.exists():
        raise CollectorError(f"nothing is collected yet, {state} does not exist: `collector run`")
    database = database_of(settings)
    try:
        with database.read() as connection:
            yield connection
    finally:
        database.close()


def quiet_logs() -> None:
    """For commands that talk to a person: only what went wrong is logged."""
    configure(level="error")


# ---- lines


def shown(value: object) -> str:
    """A value in a line for a person: whatever came from outside is visible and harmless."""
    return text.terminal(str(value), 2_000)


def tell(sentence: str) -> None:
    """Say something on stderr, beside the data."""
    click.echo(shown(sentence), err=True)


def counted(number: int, noun: str) -> str:
    """`1 alert`, `1,234 alerts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(value: datetime | None) -> str:
    """A time for people, in UTC."""
    return "never" if value is None else value.strftime("%Y-%m-%d %H:%M:%SZ")


def length(value: timedelta) -> str:
    """A length of time for people: `40 s`, `12 min`, `5 h 20 min`, `3 d`."""
    minutes, seconds = divmod(max(int(value.total_seconds()), 0), 60)
    if not minutes:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} d"


# ---- JSON


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON object on one line of ASCII, so that no text in it acts on a terminal."""
    click.echo(json.dumps(plain(values)))


def plain(value: Any) -> Any:
    """A value as JSON has it: severities by name, times as ISO 8601 in UTC, NaN as null."""
    match value:
        case None | bool() | str():
            return value
        case Severity():
            return str(value)
        case int():
            return value
        case float() | Decimal():
            return float(value) if math.isfinite(value) else None
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case Mapping():
            return {str(plain(key)): plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(each) for each in value]
        case bytes():
            return value.hex()
    return str(value)


# ---- tables


def print_table(rows: Table) -> None:
    """A table as wide as the terminal."""
    Console().print(rows)


def table(*columns: str | Column, title: str = "") -> Table:
    """An empty table in the house style. Long cells go on below; see also `whole`, `number`."""
    made = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        made.columns.append(
            column if isinstance(column, Column) else Column(column, overflow="fold")
        )
    for index, column in enumerate(made.columns):
        column._index = index
    return made


def whole(name: str) -> Column:
    """A column whose cells stay on one line."""
    return Column(name, no_wrap=True)


def number(name: str) -> Column:
    """A column of numbers."""
    return Column(name, no_wrap=True, justify="right")


def cells(values: Iterable[object]) -> list[Text]:
    """Values as table cells: text, never markup."""
    return [value if isinstance(value, Text) else Text(shown(value)) for value in values]


def colored(severity: Severity) -> Text:
    """A severity in its color."""
    return Text(str(severity), style=COLORS[severity])
