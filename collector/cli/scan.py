"""`collector scan`: the rules over files that one already has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from collector import scan
from collector.assembly import Workbench, load_rules, workbench
from collector.cli.alerts import show
from collector.cli.common import json_option, quiet_logs
from collector.detect import RuleSet
from collector.settings import RulesSettings
from collector.store import alerts


@click.command("scan")
@json_option
@click.option("-r", "--recursive", is_flag=True, help="Go down into folders.")
@click.option("--type", "event_type", help="The event type, where the files do not say it.")
@click.option(
    "--rules",
    "rule_paths",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Rule files or folders, added to the shipped ones.",
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def command(
    paths: Sequence[Path],
    *,
    as_json: bool,
    recursive: bool,
    event_type: str | None,
    rule_paths: Sequence[Path],
) -> None:
    """Run the rules over event log CSV, and JSON or NDJSON of stored events; no org is needed.

    Prints the alerts. What was read, and what could not be, goes to stderr.
    """
    quiet_logs()
    rules = load_rules(RulesSettings(paths=tuple(rule_paths)))
    with workbench(rules) as bench:
        files = list(_found(paths, recursive=recursive))
        failed = sum(_scan(bench, rules, file, event_type) for file in files)
        with bench.database.read() as connection:
            found = alerts.listing(connection)
    show(found, as_json=as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _found(paths: Sequence[Path], *, recursive: bool) -> Iterator[Path]:

    yield from scan.find(paths, recursive=recursive)


def _scan(bench: Workbench, rules: RuleSet, path: Path, event_type: str | None) -> bool:
    """Scan one file; whether it failed."""
    failed = False
    for batch in scan.batches(path, bench.places.spool, event_type=event_type):
        if isinstance(batch, scan.Skipped):
            click.echo(f"{path}: {batch.reason}", err=True)
            failed = failed or batch.failed
            continue
        ingested = bench.pipeline.ingest(batch)
        for reason in ingested.quarantined:
            click.echo(f"{path}: cannot be read: {reason}", err=True)
            failed = True
        watched = "" if rules.for_type(batch.event_type) else " (no rule looks at this type)"
        click.echo(
            f"{path}: {ingested.rows:,} {batch.event_type} events,"
            f" {len(ingested.told)} alerts{watched}",
            err=True,
        )
    return failed
