"""The command line: thin commands over the api; each is imported when it is called."""

from __future__ import annotations

import gc
import io
import os
import sys

import click

from collector import __version__, escaping
from collector.cli.lazy_group import LazyGroup
from collector.core_dumps import prevent_core_dumps
from collector.deferred_modules import defer_modules
from collector.errors import CollectorError, RulesError, SettingsError

COMMANDS = {
    "alerts": "List alerts, show one, or explain it.",
    "archive": "Look after the files of events.",
    "backfill": "Read what was logged before collecting began.",
    "backup": "Copy the state and the archive while the daemon works.",
    "check": "Look at the configuration, the rules, every org and its sources.",
    "deliveries": "List the messages that have not arrived, try them again, or give them up.",
    "demo": "See it work: an org on this machine, a day of traffic, four attacks.",
    "hunt": "Ask the archive, in SQL.",
    "org": "Serve the embedded org alone, for development.",
    "quarantine": "List what could not be read, and try it again.",
    "restore": "Put a snapshot or a backup back.",
    "rules": "List, test, lint and export detection rules; see which can fire.",
    "run": "Collect, detect and alert: the daemon.",
    "scan": "Run the rules over files that you already have.",
    "status": "How collecting and delivering goes.",
}
"""Every command; the module of that name in `collector.cli` holds it as `command`."""


@click.group(
    cls=LazyGroup,
    package=__name__,
    summaries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="collector")
def cli() -> None:
    """Collect what Salesforce orgs log, run detection rules on it, and tell people.

    Exit codes: 0 fine, 1 something failed, 2 usage or configuration.
    """


def main() -> None:
    """Run the command line; errors are printed as sentences, not as tracebacks."""
    prevent_core_dumps()
    defer_modules()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # no text is too much for a terminal
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        _discard_output()
        code = 1
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (SettingsError, RulesError) as error:
        for problem in error.problems:
            _print_error(str(problem))
        code = 2
    except CollectorError as error:
        _print_error(f"Error: {escaping.collapse_whitespace(str(error))}")
        code = 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _print_error(f"Error: {where}{error.strerror or error}")
        code = 1
    gc.freeze()  # else Python searches all modules for garbage, which ends with the process anyway
    sys.exit(code if isinstance(code, int) else 0)


def _print_error(sentence: str) -> None:
    """Print a line to stderr, with texts of orgs and files made harmless."""
    click.echo(escaping.escape_terminal(sentence, 4_000), err=True)


def _discard_output() -> None:
    """Let Python end without a complaint about output that has no reader any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
