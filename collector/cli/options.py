"""What commands are given: options, and the settings of a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from collector.app.configuration import read_configuration
from collector.cli.output import print_stderr
from collector.logs import configure_logging
from collector.settings import LoadedSettings, Settings, list_secrets
from collector.settings.shipped_files import find_shipped_folder
from collector.settings.values import Duration

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


def refuse_empty(
    context: click.Context, parameter: click.Parameter, value: str | tuple[str, ...] | None
) -> str | tuple[str, ...] | None:
    """A callback for what may be left out, and not be empty: a script's variable was not set."""
    values = (value,) if isinstance(value, str) else value or ()
    if all(each.strip() for each in values):
        return value
    raise click.BadParameter("must not be empty", context, parameter)


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
