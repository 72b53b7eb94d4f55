"""`collector scan`: the rules over files that one already has."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import click

from collector import normalize, scan
from collector.assembly import Workbench, load_rules, workbench
from collector.cli.alerts import print_alerts
from collector.cli.common import counted, quiet_logs, tell
from collector.cli.options import json_option
from collector.cli.progress import Work, working
from collector.detect import RuleSet
from collector.model import Batch
from collector.settings import RulesSettings
from collector.store import alerts
from collector.text import is_file_name


def _event_type(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """The event type as Salesforce writes it, given in any case; there may be unknown ones."""
    if value is None:
        return None
    if not is_file_name(value):
        raise click.BadParameter("must be a name such as Login", context, parameter)
    known = {name.lower(): name for name in normalize.event_types()}
    if value.lower() not in known:
        near = difflib.get_close_matches(value.lower(), known, n=1)
        meant = f"; did you mean {known[near[0]]}?" if near else ""
        tell(f"{value} is no event type that we know, so its columns mean nothing to us{meant}")
    return known.get(value.lower(), value)


@click.command("scan")
@json_option
@click.option("-r", "--recursive", is_flag=True, help="Go down into folders.")
@click.option(
    "--type",
    "event_type",
    callback=_event_type,
    metavar="Login",
    help="The event type of all files, where they do not say it.",
)
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

    Files may be gzipped. Prints the alerts. What was read, and what could not be, goes to stderr;
    exit code 1 when anything could not be.
    """
    quiet_logs()
    rules = load_rules(RulesSettings(paths=tuple(rule_paths)))
    files = list(scan.find(paths, recursive=recursive))
    total = sum(_size(file) for file in files)
    with workbench(rules) as bench:
        with working("Scanning", total=total) as work:
            scanner = _Scanner(bench, rules, work, event_type)
            for file in files:
                scanner.examine(file)
        with bench.database.read() as connection:
            found = alerts.listing(connection)
    print_alerts(found, as_json=as_json)
    if scanner.failed:
        raise click.exceptions.Exit(1)


class _Scanner:
    """Scans one file after the other and says what came of each.

    Attributes:
        failed: whether there was anything that could not be examined.
    """

    def __init__(
        self, bench: Workbench, rules: RuleSet, work: Work, event_type: str | None
    ) -> None:
        self.failed = False
        self._bench = bench
        self._rules = rules
        self._work = work
        self._event_type = event_type
        self._keys: set[str] = set()

    def examine(self, file: Path | scan.Skipped) -> None:
        """Examine one file, or say why not."""
        if isinstance(file, scan.Skipped):
            self._skip(file)
            return
        spool = self._bench.places.spool
        is_empty = True
        for part in scan.batches(file, spool, event_type=self._event_type):
            is_empty = False
            if isinstance(part, scan.Skipped):
                self._skip(part)
            else:
                self._ingest(file, part)
        if is_empty:
            self._work.tell(f"{file}: no records")
        self._work.advance(_size(file))

    def _skip(self, skipped: scan.Skipped) -> None:
        self.failed = True
        self._work.tell(f"{skipped.path}: {skipped.reason}")

    def _ingest(self, path: Path, batch: Batch) -> None:
        is_repeat = batch.key in self._keys
        self._keys.add(batch.key)
        ingested = self._bench.pipeline.ingest(batch)
        for reason in ingested.quarantined:
            self._skip(scan.Skipped(path=path, reason=f"cannot be read: {reason}"))
        notes = [counted(ingested.rows, f"{batch.event_type} event")]
        if ingested.duplicates:
            notes.append(f"{counted(ingested.duplicates, 'duplicate')} left out")
        if is_repeat:
            notes.append("the same as an earlier file")
        elif self._rules.for_type(batch.event_type):
            notes.append(counted(len(ingested.told), "alert"))
        else:
            notes.append("no rule looks at this type")
        self._work.tell(f"{path}: {', '.join(notes)}")


def _size(file: Path | scan.Skipped) -> int:
    return 0 if isinstance(file, scan.Skipped) else file.stat().st_size
