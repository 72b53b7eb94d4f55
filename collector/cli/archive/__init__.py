"""`collector archive`: the files of events; each command loads when it is asked."""

from __future__ import annotations

import click

from collector.cli.lazy_group import LazyGroup

COMMANDS = {
    "adopt": "Build the state again from the archive, after it was lost.",
    "compact": "Make few large files of many small ones, now.",
    "hold": "Keep events and alerts for longer than the configuration says, until it is released.",
    "prune": "Delete what is older than the configuration says.",
    "status": "Tell how many files there are, of what, and how large.",
    "verify": "Read every file, and tell what is not as it was written.",
}
"""Every command; the module of that name in this package holds it as `command`."""


@click.group("archive", cls=LazyGroup, package=__name__, summaries=COMMANDS)
def command() -> None:
    """Look after the files of events."""
