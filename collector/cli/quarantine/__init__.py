"""`collector quarantine`: what could not be read; each command loads when it is asked."""

from __future__ import annotations

import click

from collector.cli.lazy_group import LazyGroup

COMMANDS = {
    "list": "Every record, and every whole segment of a log, that is set aside.",
    "retry": "Read everything that is set aside once more.",
}
"""Every command; the module of that name in this package holds it as `command`."""


@click.group("quarantine", cls=LazyGroup, package=__name__, summaries=COMMANDS)
def command() -> None:
    """List what could not be read, and try it again."""
