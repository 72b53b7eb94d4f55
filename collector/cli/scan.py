"""`collector scan`: the rules over files that one already has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector import normalize
from collector.api.alerts import list_alerts
from collector.cli.alerts.list import print_alerts
from collector.cli.options import json_option
from collector.cli.output import format_count, print_stderr, quiet_logs
from collector.cli.progress import WorkProgress, show_progress
from collector.collection import local_files
from collector.detect import RuleSet
from collector.escaping import is_file_name
from collector.ingest.temporary_pipeline import TemporaryPipeline, open_temporary_pipeline
from collector.model import Batch
from collector.normalize.derived_types import list_affected_types
from collector.rules.rule_files import load_rules
from collector.settings import RulesSettings
from collector.yaml_source.suggestions import find_nearest_name
from collector.yaml_source.yaml_files import YAML_SUFFIXES


def _parse_event_type(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """The event type as Salesforce writes it, given in any case; there may be unknown ones."""
    if value is None:
        return None
    if not is_file_name(value):
        raise click.BadParameter("must be a name such as Login", context, parameter)
    names = {name.lower(): name for name in normalize.list_event_types()}
    if value.lower() not in names:
        nearest = find_nearest_name(value.lower(), names)
        hint = f"; did you mean {names[nearest]}?" if nearest else ""
        print_stderr(
            f"{value} is no event type that we know, so its columns mean nothing to us{hint}"
        )
    return names.get(value.lower(), value)


@click.command("scan")
@json_option
@click.option("-r", "--recursive", is_flag=True, help="Go down into folders.")
@click.option(
    "--type",
    "event_type",
    callback=_parse_event_type,
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
    # An option takes one value, and shells give many: `--rules *.yml`.
    further_rules = [path for path in paths if path.suffix in YAML_SUFFIXES]
    logs = [path for path in paths if path not in further_rules]
    if further_rules and not (rule_paths and logs):
        raise click.UsageError(f"{further_rules[0]} is no log: give rules with --rules, then logs")
    rules = load_rules(RulesSettings(paths=(*rule_paths, *further_rules)))
    files = list(local_files.find_files(logs, recursive=recursive))
    total = sum(_measure_size(file) for file in files)
    with open_temporary_pipeline(rules) as temp_pipeline:
        with show_progress("Scanning", total=total) as progress:
            scanner = _FileScanner(temp_pipeline, rules, progress, event_type)
            for file in files:
                scanner.scan_file(file)
            temp_pipeline.pipeline.absences.settle_given_events(local_files.SCAN_ORG)
        with temp_pipeline.database.read() as connection:
            alerts = list_alerts(connection)
    print_alerts(alerts, as_json=as_json)
    if scanner.has_failures:
        raise click.exceptions.Exit(1)


class _FileScanner:
    """Scans one file after the other and reports each.

    Attributes:
        has_failures: whether there was anything that could not be examined.
    """

    def __init__(
        self,
        temp_pipeline: TemporaryPipeline,
        rules: RuleSet,
        progress: WorkProgress,
        event_type: str | None,
    ) -> None:
        self.has_failures = False
        self._temp_pipeline = temp_pipeline
        self._rules = rules
        self._progress = progress
        self._event_type = event_type
        self._batch_keys: set[str] = set()

    def scan_file(self, file: Path | local_files.SkippedFile) -> None:
        """Examine one file, or say why not."""
        if isinstance(file, local_files.SkippedFile):
            self._report_skip(file)
            return
        spool = self._temp_pipeline.paths.spool
        is_empty = True
        for part in local_files.read_batches(file, spool, event_type=self._event_type):
            is_empty = False
            if isinstance(part, local_files.SkippedFile):
                self._report_skip(part)
            else:
                self._ingest_batch(file, part)
        if is_empty:
            self._progress.print_message(f"{file}: no records")
        self._progress.advance(_measure_size(file))

    def _report_skip(self, skipped: local_files.SkippedFile) -> None:
        self.has_failures = True
        self._progress.print_message(f"{skipped.path}: {skipped.reason}")

    def _ingest_batch(self, path: Path, batch: Batch) -> None:
        is_repeat = batch.key in self._batch_keys
        self._batch_keys.add(batch.key)
        ingested = self._temp_pipeline.pipeline.ingest(batch)
        for reason in ingested.quarantine_reasons:
            self._report_skip(
                local_files.SkippedFile(path=path, reason=f"cannot be read: {reason}")
            )
        notes = [format_count(ingested.rows, f"{batch.event_type} event")]
        if ingested.unknown_times:
            notes.append(f"{ingested.unknown_times:,} of unknown time (the file's is shown)")
        if ingested.duplicates:
            notes.append(f"{format_count(ingested.duplicates, 'duplicate')} left out")
        if is_repeat:
            notes.append("the same as an earlier file")
        elif any(map(self._rules.select_by_type, list_affected_types(batch.event_type))):
            notes.append(format_count(len(ingested.notified_alerts), "alert"))
        else:
            notes.append("no rule looks at this type")
        self._progress.print_message(f"{path}: {', '.join(notes)}")


def _measure_size(file: Path | local_files.SkippedFile) -> int:
    return 0 if isinstance(file, local_files.SkippedFile) else file.stat().st_size
