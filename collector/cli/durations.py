"""Lengths of time on the command line."""

from __future__ import annotations

from datetime import timedelta

import click
from pydantic import TypeAdapter, ValidationError

from collector.settings.values import Duration

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


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
