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

from collector.app.configuration import read_configuration
from collector.app.wiring import find_shipped_folder, open_state_database
from collector.cli.output import print_stderr
from collector.errors import CollectorError
from collector.logs import configure_logging
from collector.model import Alert
from collector.settings import LoadedSettings, Settings, list_secrets
from collector.settings.values import Duration
from collector.store import alerts
from collector.store.database import DATABASE_FILE_NAME

DEFAULT_CONFIG = "collector.yaml"

_DURATION_ADAPTER: TypeAdapter[timedelta] = TypeAdapter(Duration)

CommandFunction = Callable[..., Any]


def config_option(command: CommandFunction) -> CommandFunction:
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


def json_option(command: CommandFunction) -> CommandFunction:
    """Add `--json`: one JSON object a line."""
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON object a line, for scripts."
    )(command)


def parse_duration(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> timedelta | None:
    """A callback for options such as `--since 24h`, with the durations of the configuration."""
    if value is None:
        return None
    try:
        return _DURATION_ADAPTER.validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise click.BadParameter(message, context, parameter) from None


def read_config(config: Path, *, log_level: str = "info") -> LoadedSettings:
    """A configuration. From here on its secrets are kept out of the logs.

    Raises click's UsageError where there is no such file, SettingsError with all that is wrong.
    """
    if not config.exists():
        example = find_shipped_folder("config") / "collector.example.yaml"
        raise click.UsageError(
            f"there is no {config}: name your configuration with -c or in $COLLECTOR_CONFIG;"
            f" every key is explained in {example}"
        )
    loaded = read_configuration(config, os.environ)
    configure_logging(level=log_level, secrets=list_secrets(loaded.settings))
    return loaded


def load_settings(config: Path) -> Settings:
    """The settings of a configuration; its warnings go to stderr."""
    loaded = read_config(config)
    for warning in loaded.warnings:
        print_stderr(f"{warning} (warning)")
    return loaded.settings


@contextmanager
def open_state_view(settings: Settings) -> Iterator[sa.Connection]:
    """A view of the state, for commands that only look and make nothing.

    Raises CollectorError where there is no state yet, or it cannot be opened.
    """
    state = settings.state_dir / DATABASE_FILE_NAME
    if settings.database_url is None and not state.exists():
        raise CollectorError(
            f"nothing has been collected yet: there is no {state}; `collector run` makes it"
        )
    database = open_state_database(settings)
    try:
        with database.read() as connection:
            yield connection
    finally:
        database.close()


def find_alert(connection: sa.Connection, id_prefix: str) -> Alert:
    """The alert whose id begins so. Raises CollectorError where that is none or several."""
    found = alerts.find_alerts_by_prefix(connection, id_prefix)
    if not found:
        raise CollectorError(f"no alert has an id that begins with {id_prefix!r}")
    if len(found) > 1:
        raise CollectorError(f"several alerts have ids that begin with {id_prefix!r}: give more")
    return found[0]
