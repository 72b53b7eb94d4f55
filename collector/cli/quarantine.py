"""`collector quarantine`: what could not be read, and another try."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.quarantine import read_segments, to_json
from collector.app.wiring import open_collector
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import add_row, build_table, print_json_lines, print_table
from collector.ingest import quarantine
from collector.ingest.state_paths import StatePaths


@click.group("quarantine")
def command() -> None:
    """List what could not be read, and try it again."""


@command.command("list")
@config_option
@json_option
def list_segments(config: Path, *, as_json: bool) -> None:
    """Every segment of a log that is set aside, with the reason."""
    segments = read_segments(load_settings(config))
    if as_json:
        print_json_lines(map(to_json, segments))
        return
    table = build_table("batch", "event type", "of", "segment", "reason", title="Quarantine")
    for segment in segments:
        batch = segment.batch
        log_time = f"{batch.log_time:%Y-%m-%d %H:%M}"
        add_row(table, batch.key[:8], batch.event_type, log_time, segment.index, segment.reason)
    if table.row_count:
        print_table(table)
    else:
        click.echo("nothing is in quarantine")


@command.command("retry")
@config_option
@click.argument("keys", nargs=-1)
def retry_batches(config: Path, keys: tuple[str, ...]) -> None:
    """Read everything that is set aside once more, or the batches whose key begins with KEYS.

    Worth a try after an update, or after a file was mended by hand.
    """
    failed = False
    with open_collector(load_settings(config)) as collector:
        paths = StatePaths(state_dir=collector.settings.state_dir)
        for quarantined in list(quarantine.list_batches(paths.quarantine)):
            batch = quarantined.batch
            if keys and not batch.key.startswith(keys):
                continue
            result = collector.pipeline.retry_quarantined(quarantined)
            unread = len(result.quarantine_reasons)
            failed = failed or unread > 0
            suffix = f", {unread} segments still unreadable" if unread else ""
            click.echo(f"{batch.key[:8]} {batch.event_type}: {result.rows:,} events{suffix}")
    if failed:
        raise click.exceptions.Exit(1)
