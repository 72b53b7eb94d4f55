"""`collector rules`: what can be asked of detection rules; each command loads when it is asked."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "backtest": "How often each rule would have told you, over the archive or over files.",
    "coverage": "Which rules can fire in each org, and what is missing for the others.",
    "export": "The rules as plain Sigma, or as SQL for DuckDB or Spark.",
    "lint": "All that is wrong or odd, as file:line:column.",
    "list": "The rules, what they look at and how grave they are.",
    "test": "Run the tests inside the rule files.",
}
"""Every command; the module of that name in this package holds it as `command`."""


class _Commands(click.Group):
    """Loads a command's module when the command is asked for, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """One line for each command, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group("rules", cls=_Commands)
def command() -> None:
    """List, test, lint, backtest and export detection rules, and see which can fire.

    Without PATHS the shipped rules are meant; with PATHS those files and folders alone. Exit code 2
    when a rule is wrong, each mistake on a line of its own as file:line:column.
    """
