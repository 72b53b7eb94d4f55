"""What commands are given: options, the settings of a configuration, and its state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from collector.assembly import database_of, shipped
from collector.cli.common import tell
from collector.errors import CollectorError
from collector.model import Alert
from collector.observe import configure
from collector.settings import Loaded, Settings, load, secrets_in
from collector.settings.values import Duration
from collector.store import alerts
from collector.store.database import FILE_NAME

DEFAULT_CONFIG = "collector.yaml"

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)

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


def duration(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> timedelta | None:
    """A callback for options such as `--since 24h`, with the durations of the configuration."""
    if value is None:
        return None
    try:
        return _DURATION.validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise click.BadParameter(message, context, parameter) from None


def read_config(config: Path, *, log_level: str = "info") -> Loaded:
    """A configuration. From here on its secrets are kept out of the logs.

    Raises click's UsageError where there is no such file, SettingsError with all that is wrong.
    """
    if not config.exists():
        example = shipped("config") / "collector.example.yaml"
        raise click.UsageError(
            f"there is no {config}: name your configuration with -c or in $COLLECTOR_CONFIG;"
            f" every key is explained in {example}"
        )
    loaded = load(config, os.environ)
    configure(level=log_level, secrets=secrets_in(loaded.settings))
    return loaded


def load_settings(config: Path) -> Settings:
    """The settings of a configuration; its warnings go to stderr."""
    loaded = read_config(config)
    for warning in loaded.warnings:
        tell(f"{warning} (warning)")
    return loaded.settings


@contextmanager
def reading(settings: Settings) -> Iterator[sa.Connection]:
    """A view of the state, for commands that only look and make nothing.

    Raises CollectorError where there is no state yet, or it cannot be opened.
    """
    state = settings.state_dir / FILE_NAME
    if settings.database_url is None and not state.exists():
        raise CollectorError(
            f"nothing has been collected yet: there is no {state}; `collector run` makes it"
        )
    database = database_of(settings)
    try:
        with database.read() as connection:
            yield connection
    finally:
        database.close()


def named_alert(connection: sa.Connection, prefix: str) -> Alert:
    """The alert whose id begins so. Raises CollectorError where that is none or several."""
    found = alerts.starting_with(connection, prefix)
    if not found:
        raise CollectorError(f"no alert has an id that begins with {prefix!r}")
    if len(found) > 1:
        raise CollectorError(f"several alerts have ids that begin with {prefix!r}: give more")
    return found[0]
