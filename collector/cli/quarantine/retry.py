"""`collector quarantine retry`: another try at what could not be read."""

from __future__ import annotations

from pathlib import Path

import click

from collector.app.wiring import open_collector
from collector.cli.options import config_option, load_settings
from collector.ingest import quarantine
from collector.ingest.state_paths import StatePaths


@click.command("retry")
@config_option
@click.argument("keys", nargs=-1)
def command(config: Path, keys: tuple[str, ...]) -> None:
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
            suffix = f"; still unreadable: {'; '.join(result.quarantine_reasons)}" if unread else ""
            click.echo(f"{batch.key[:8]} {batch.event_type}: {result.rows:,} events{suffix}")
    if failed:
        raise click.exceptions.Exit(1)
