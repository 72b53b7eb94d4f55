"""Command groups whose commands are loaded when they are asked for, so that `--help` is instant."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from collector.yaml_source.suggestions import find_nearest_name


class LazyGroup(click.Group):
    """Commands by name, each with its line of `--help`.

    The module of that name in `package` holds the command as `command`.
    """

    def __init__(
        self, *args: Any, package: str, summaries: Mapping[str, str], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._package = package
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, in alphabetical order."""
        return sorted(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        if cmd_name not in self._summaries:
            return None
        with _pause_collection():
            module = importlib.import_module(f"{self._package}.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """One line for each command, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self._summaries.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for; the nearest is named where there is none of that name."""
        name = args[0]
        if name not in self._summaries and not name.startswith("-"):
            nearest = find_nearest_name(name, self._summaries)
            meant = f"; did you mean {nearest!r}?" if nearest else ""
            raise click.UsageError(f"no command is called {name!r}{meant}", ctx)
        return super().resolve_command(ctx, args)


@contextmanager
def _pause_collection() -> Iterator[None]:
    """Leave out the searches for garbage: modules that are loaded make none, and go on living.

    They are left out of all later ones, too, of which the first would come at once.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
