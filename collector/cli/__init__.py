"""The command line: thin commands over the parts; heavy imports wait until a command needs them."""

from __future__ import annotations

import importlib
import sys

import click

from collector import __version__
from collector.errors import CollectorError, RulesError, SettingsError

COMMANDS = {
    "alerts": "alerts",
    "backfill": "backfill",
    "check": "check",
    "demo": "demo",
    "hunt": "hunt",
    "org": "org",
    "rules": "rules",
    "run": "run",
    "scan": "scan",
    "status": "status",
}
"""Each command and the module of `collector.cli` that holds it under the name `command`."""


class _Commands(click.Group):
    """Loads a command's module when the command is asked for, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"collector.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """One line for each command, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in sorted(COMMANDS)])


SUMMARIES = {
    "alerts": "List alerts, or show one.",
    "backfill": "Read what was logged before collecting began.",
    "check": "Look at the configuration, the rules, every org and its sources.",
    "demo": "See it work: an org on this machine, a day of traffic, four attacks.",
    "hunt": "Ask the archive, in SQL.",
    "org": "Serve the embedded org alone, for development.",
    "rules": "List, test and lint detection rules.",
    "run": "Collect, detect and alert: the daemon.",
    "scan": "Run the rules over files that you already have.",
    "status": "How collecting and delivering goes.",
}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="collector")
def cli() -> None:
    """Collect what Salesforce orgs log, run detection rules on it, and tell people.

    Exit codes: 0 fine, 1 something failed, 2 usage or configuration.
    """


def main() -> None:
    """Run the command line; what goes wrong is told in sentences, not in tracebacks."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except (SettingsError, RulesError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except CollectorError as error:
        click.echo(f"collector: {error}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
