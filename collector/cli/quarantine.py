"""`collector quarantine`: what could not be read, and another try."""

from __future__ import annotations

from pathlib import Path

import click

from collector.app.wiring import open_collector
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import build_table, print_json, print_table, to_cells
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
    places = StatePaths(state_dir=load_settings(config).state_dir)
    rows = build_table("batch", "event type", "of", "segment", "reason", title="Quarantine")
    for held in quarantine.list_batches(places.quarantine):
        batch = held.batch
        for index, reason in zip(held.indexes, held.reasons, strict=True):
            if as_json:
                names = {"batch": batch.key, "org": batch.stream.org, "segment": index}
                print_json({**names, "event_type": batch.event_type, "reason": reason})
            of = f"{batch.log_time:%Y-%m-%d %H:%M}"
            rows.add_row(*to_cells((batch.key[:8], batch.event_type, of, index, reason)))
    if as_json:
        return
    if rows.row_count:
        print_table(rows)
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
        places = StatePaths(state_dir=collector.settings.state_dir)
        for held in list(quarantine.list_batches(places.quarantine)):
            if keys and not held.batch.key.startswith(keys):
                continue
            done = collector.pipeline.retry_quarantined(held)
            failed = failed or bool(done.quarantine_reasons)
            left = (
                f", {len(done.quarantine_reasons)} segments still unreadable"
                if done.quarantine_reasons
                else ""
            )
            click.echo(f"{held.batch.key[:8]} {held.batch.event_type}: {done.rows:,} events{left}")
    if failed:
        raise click.exceptions.Exit(1)
