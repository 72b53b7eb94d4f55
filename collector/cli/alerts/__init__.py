"""`collector alerts`: what can be asked of alerts; each command loads when it is asked."""

from __future__ import annotations

import click

from collector.cli.lazy_group import LazyGroup

COMMANDS = {
    "explain": "Why there is this alert: what of the rule its events fit, and on which values.",
    "list": "The alerts, the newest event first.",
    "show": "One alert in full.",
}
"""Every command; the module of that name in this package holds it as `command`."""


@click.group("alerts", cls=LazyGroup, package=__name__, summaries=COMMANDS)
def command() -> None:
    """List alerts, show one, or explain it."""
