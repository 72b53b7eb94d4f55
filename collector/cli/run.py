"""`collector run`: the daemon, or one pass."""

from __future__ import annotations

from pathlib import Path

import click

from collector import daemon
from collector.assembly import assembled
from collector.cli.common import counted, say, tell
from collector.cli.options import config_option, load_settings


@click.command("run")
@config_option
@click.option("--once", is_flag=True, help="Poll everything once, deliver what is due, and end.")
def command(config: Path, *, once: bool) -> None:
    """Collect from every org, run the rules, deliver alerts; until SIGTERM.

    With --once: exit code 0 when all went well, 1 when something failed, and with what.
    """
    with assembled(load_settings(config)) as collector:
        if not once:
            daemon.run(collector)
            return
        result = daemon.run_once(collector)
    events = counted(sum(polled.rows for polled in result.polled), "event")
    say(f"{events} stored, {counted(result.delivered, 'message')} delivered")
    for problem in result.problems:
        tell(f"failed: {problem}")
    if result.problems:
        raise click.exceptions.Exit(1)
