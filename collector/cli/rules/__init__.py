"""`collector rules`: what can be asked of detection rules; each command loads when it is asked."""

from __future__ import annotations

import click

from collector.cli.lazy_group import LazyGroup

COMMANDS = {
    "backtest": "How often each rule would have told you, over the archive or over files.",
    "coverage": "Which rules can fire in each org, and what is missing for the others.",
    "export": "The rules as plain Sigma, or as SQL for DuckDB or Spark.",
    "lint": "All that is wrong or odd, as file:line:column.",
    "list": "The rules, what they look at and how grave they are.",
    "new": "A rule to begin with, of any kind.",
    "test": "Run the tests inside the rule files.",
}
"""Every command; the module of that name in this package holds it as `command`."""


@click.group("rules", cls=LazyGroup, package=__name__, summaries=COMMANDS)
def command() -> None:
    """List, test, lint, backtest and export detection rules, and see which can fire.

    Without PATHS the rules of the configuration are meant, or the shipped ones where there is none;
    with PATHS those files and folders, loaded with what they name of the others. Exit code 2 when a
    rule is wrong, each mistake on a line of its own as file:line:column.
    """
