"""How many alerts each rule would have raised, over the archive or over files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from collector import clock, engine
from collector.api.json_values import JsonObject, to_json_object
from collector.api.rule_list import classify_rule
from collector.api.state_view import open_state_view, read_archive_files
from collector.archive.store import ArchiveStore
from collector.backtest import (
    BEGINNING,
    MEMORY_LIMIT,
    ArchiveExtent,
    BacktestResult,
    OrgArchive,
    RuleDifference,
    estimate_effort,
    list_differences,
    list_missing_types,
    merge_extents,
    run_backtest,
)
from collector.collection.local_files import SkippedFile, read_batches
from collector.detect import RuleSet
from collector.errors import CollectorError
from collector.evaluation.stored_directory import read_directory
from collector.ingest.state_paths import StatePaths
from collector.ingest.temporary_pipeline import TemporaryPipeline
from collector.model import ArchiveFile
from collector.settings import Settings
from collector.store import ledger

DEFAULT_SINCE = timedelta(days=30)
"""How far back an archive is evaluated by default."""

GROUP_LIMIT = 5
"""So many groups of a rule are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestInput:
    """The events that rules are run over, from `since` on; earlier ones are their past."""

    connection: duckdb.DuckDBPyConnection
    orgs: Sequence[OrgArchive]
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestReport:
    """The results of a backtest.

    Attributes:
        rules: the rules.
        event_totals: the events that they were run over.
        results: what each would have raised.
        other_results: the same of the version that they are compared with; None without one.
        changes: the rules whose results differ in that version.
    """

    rules: RuleSet
    event_totals: ArchiveExtent
    results: Sequence[BacktestResult]
    other_results: Sequence[BacktestResult] | None = None
    changes: Sequence[RuleDifference] = field(default=())

    @property
    def has_failures(self) -> bool:
        """Whether any rule failed."""
        return any(each.failure for each in [*self.results, *(self.other_results or ())])

    def compute_daily_average(self, result: BacktestResult) -> float:
        """Alerts a day."""
        return round(result.alert_count / self.event_totals.days, 2)

    def list_missing_types(self, result: BacktestResult) -> list[str]:
        """The event types that a rule looks at and of which there was no event."""
        return list(list_missing_types(result.rule, self.rules, self.event_totals.types))


# ---- the events


@contextmanager
def open_archive_input(
    settings: Settings, *, org: str | None, since: timedelta | None
) -> Iterator[BacktestInput]:
    """The archive of a configuration, of one org or of all.

    Raises CollectorError where it is empty.
    """
    files = read_archive_files(settings, org=org)
    archive = StatePaths(state_dir=settings.state_dir).archive
    with (
        TemporaryDirectory(prefix="collector-") as scratch,
        engine.open_engine(Path(scratch), memory_limit=MEMORY_LIMIT) as connection,
    ):
        with open_state_view(settings) as state:
            claims = settings.directory.build_claims()
            orgs = [
                replace(each, directory=read_directory(state, connection, each.org, claims))
                for each in _group_by_org(connection, archive, files)
            ]
        yield BacktestInput(
            connection=connection, orgs=orgs, since=clock.now() - (since or DEFAULT_SINCE)
        )


@contextmanager
def open_file_input(
    temp_pipeline: TemporaryPipeline, *, since: timedelta | None
) -> Iterator[BacktestInput]:
    """The events of files that were ingested, so far back from the last one.

    Raises CollectorError where there is none.
    """
    with temp_pipeline.database.read() as state:
        files = ledger.list_archive_files(state)
    if not files:
        raise CollectorError("there is no event in these files")
    with engine.open_engine(temp_pipeline.paths.spool, memory_limit=MEMORY_LIMIT) as connection:
        yield BacktestInput(
            connection=connection,
            orgs=_group_by_org(connection, temp_pipeline.paths.archive, files),
            since=_compute_start(files, since),
        )


def ingest_file(
    file: Path | SkippedFile, temp_pipeline: TemporaryPipeline
) -> Iterator[SkippedFile]:
    """Take a file in as `collector scan` does; yields what of it could not be read."""
    if isinstance(file, SkippedFile):
        yield file
        return
    for part in read_batches(file, temp_pipeline.paths.spool):
        if isinstance(part, SkippedFile):
            yield part
            continue
        for reason in temp_pipeline.pipeline.ingest(part).quarantine_reasons:
            yield SkippedFile(path=file, reason=f"cannot be read: {reason}")


def _compute_start(files: Sequence[ArchiveFile], since: timedelta | None) -> datetime:
    return BEGINNING if since is None else max(file.last_time for file in files) - since


def _group_by_org(
    connection: duckdb.DuckDBPyConnection, archive: ArchiveStore, files: Sequence[ArchiveFile]
) -> list[OrgArchive]:
    return [
        OrgArchive(
            connection=connection,
            archive=archive,
            org=org,
            files=[file for file in files if file.org == org],
        )
        for org in sorted({file.org for file in files})
    ]


# ---- the rules


def estimate_total(versions: Sequence[RuleSet], events: BacktestInput) -> float:
    """What running these versions of the rules takes, in the unit of `progress`."""
    return sum(estimate_effort(rules, events.orgs, since=events.since) for rules in versions)


def build_report(
    rules: RuleSet,
    other_rules: RuleSet | None,
    events: BacktestInput,
    *,
    progress: Callable[[float], None],
) -> BacktestReport:
    """The results of the rules, and of another version of them.

    `progress` is called with each part of `estimate_total` that is done.
    """
    results = _run_rules(rules, events, progress)
    other_results = None if other_rules is None else _run_rules(other_rules, events, progress)
    return BacktestReport(
        rules=rules,
        event_totals=merge_extents(archive.measure_extent(events.since) for archive in events.orgs),
        results=results,
        other_results=other_results,
        changes=[] if other_results is None else list(list_differences(results, other_results)),
    )


def _run_rules(
    rules: RuleSet, events: BacktestInput, progress: Callable[[float], None]
) -> list[BacktestResult]:
    return run_backtest(
        rules, events.orgs, connection=events.connection, since=events.since, progress=progress
    )


# ---- JSON


def to_json_lines(report: BacktestReport) -> Iterator[JsonObject]:
    """An object for each rule; then for each rule that only the other version has."""
    other_results = {result.rule.name: result for result in report.other_results or ()}
    changes = {change.rule: change for change in report.changes}
    for result in report.results:
        name = result.rule.name
        line = {"rule": name, **_to_result_json(result, report)}
        if report.other_results is not None:
            line |= _to_comparison_json(other_results.get(name), changes.get(name), report)
        yield line
    for name in sorted(other_results.keys() - {result.rule.name for result in report.results}):
        compared = _to_comparison_json(other_results[name], changes[name], report)
        yield {"rule": name, "alerts": None, **compared}


def _to_result_json(result: BacktestResult, report: BacktestReport) -> JsonObject:
    days = result.alerts_by_day
    return to_json_object(
        {
            "kind": classify_rule(result.rule),
            "alerts": result.alert_count,
            "per_day": report.compute_daily_average(result),
            "most_per_day": max(days.values(), default=0),
            "events": result.event_count,
            "days": days,
            "severities": result.alerts_by_severity,
            "groups": [asdict(group) for group in result.groups[:GROUP_LIMIT]],
            "failure": result.failure,
            "unseen": report.list_missing_types(result),
        }
    )


def _to_comparison_json(
    other: BacktestResult | None, change: RuleDifference | None, report: BacktestReport
) -> JsonObject:
    summary: JsonObject | None = None
    if other is not None:
        summary = _to_result_json(other, report)
        del summary["unseen"]
    return to_json_object(
        {
            "against": summary,
            "is_different": change is not None,
            "new_groups": [asdict(group) for group in change.new_groups] if change else [],
            "gone_groups": [asdict(group) for group in change.lost_groups] if change else [],
        }
    )
