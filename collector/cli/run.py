"""`collector run`: the daemon, or one pass."""

from __future__ import annotations

from pathlib import Path

import click

from collector.app import daemon
from collector.app.single_pass import run_once
from collector.app.wiring import open_collector
from collector.cli.options import config_option, load_settings
from collector.cli.output import format_count, print_line, print_stderr


@click.command("run")
@config_option
@click.option("--once", is_flag=True, help="Poll everything once, deliver what is due, and end.")
def command(config: Path, *, once: bool) -> None:
    """Collect from every org, run the rules, deliver alerts; until SIGTERM.

    With --once: exit code 0 when all that there was is stored and delivered, 1 when something
    failed or was left because our share of API calls is used up, and what.
    """
    settings = load_settings(config)
    daemon.prepare_memory()
    with open_collector(settings) as collector:
        if not once:
            daemon.run_forever(collector)
            return
        result = run_once(collector)
    events = format_count(sum(poll.rows for poll in result.poll_results), "event")
    print_line(f"{events} stored, {format_count(result.delivery_count, 'message')} delivered")
    for problem in result.problems:
        print_stderr(f"failed: {problem}")
    if result.problems:
        raise click.exceptions.Exit(1)
