"""`collector rules backtest`: how often each rule would have told you."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import duckdb
from click.core import ParameterSource

from collector import clock, engine
from collector.app.wiring import (
    TemporaryPipeline,
    find_shipped_folder,
    load_rules,
    open_temporary_pipeline,
)
from collector.archive.store import ArchiveStore
from collector.backtest import (
    BEGINNING,
    MEMORY_LIMIT,
    BacktestResult,
    OrgArchive,
    estimate_effort,
    list_differences,
    run_backtest,
)
from collector.backtest import merge_extents as all_of
from collector.cli.options import (
    config_option,
    json_option,
    load_settings,
    open_state_view,
    parse_duration,
)
from collector.cli.output import quiet_logs
from collector.cli.progress import WorkProgress, show_progress
from collector.cli.rules.backtest_report import BacktestReport, print_report
from collector.cli.rules.common import load_rule_files
from collector.collection import local_files
from collector.detect import RuleSet
from collector.errors import CollectorError
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.settings import Settings
from collector.store import ledger

DEFAULT_SINCE = timedelta(days=30)
"""So far an archive is looked back on where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _BacktestRequest:
    """What is to be looked at: rules, and the archive of a configuration or files."""

    rules: Sequence[Path]
    config: Path
    files: Sequence[Path]
    since: timedelta | None
    org: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _BacktestInput:
    """Rules, and the events that they are run over.

    Attributes:
        is_whole: whether everything could be read.
    """

    rules: RuleSet
    connection: duckdb.DuckDBPyConnection
    orgs: Sequence[OrgArchive]
    since: datetime
    is_complete: bool = True


@click.command("backtest")
@config_option
@click.option(
    "--files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Files or folders to look at, as `collector scan` reads them, instead of the archive.",
)
@click.option(
    "--since",
    callback=parse_duration,
    metavar="30d",
    help="How far to look back, with --files from their last event. Default: 30d, or all of them.",
)
@click.option("--org", help="Only this org of the configuration.")
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True),
    help="Another version of the rules: show what is different.",
)
@json_option
@click.argument("rules", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.pass_context
def command(
    context: click.Context,
    rules: Sequence[Path],
    *,
    config: Path,
    files: Sequence[Path],
    since: timedelta | None,
    org: str | None,
    against: Path | None,
    as_json: bool,
) -> None:
    """How often each rule would have told you, on how many days, and of whom.

    Looks at the archive and changes nothing. Without RULES those of the configuration are meant,
    with --files the shipped ones. What happened before --since is the past that rules compare with.
    Exit code 1 when a rule failed or a file could not be read.
    """
    is_named = context.get_parameter_source("config") == ParameterSource.COMMANDLINE
    if files and (is_named or org is not None):
        raise click.UsageError("--files are of no configuration: leave out -c and --org")
    asked = _BacktestRequest(rules=rules, config=config, files=files, since=since, org=org)
    other = None if against is None else load_rule_files([against])
    with _open_input(asked) as material:
        report = _build_report(material, other)
    print_report(report, as_json=as_json)
    if report.has_failures or not material.is_complete:
        raise click.exceptions.Exit(1)


def _build_report(material: _BacktestInput, other: RuleSet | None) -> BacktestReport:
    versions = [material.rules, *([] if other is None else [other])]
    total = sum(estimate_effort(rules, material.orgs, since=material.since) for rules in versions)
    with show_progress("Backtesting", total=total) as work:
        ours, *theirs = [_run_backtest(rules, material, work) for rules in versions]
    return BacktestReport(
        rules=material.rules,
        event_totals=all_of(kept.measure_extent(material.since) for kept in material.orgs),
        results=ours,
        other_results=theirs[0] if theirs else None,
        changes=list(list_differences(ours, theirs[0])) if theirs else [],
    )


def _run_backtest(
    rules: RuleSet, material: _BacktestInput, work: WorkProgress
) -> list[BacktestResult]:
    return run_backtest(
        rules,
        material.orgs,
        connection=material.connection,
        since=material.since,
        progress=work.advance,
    )


# ---- the events


def _open_input(asked: _BacktestRequest) -> AbstractContextManager[_BacktestInput]:
    return _open_file_input(asked) if asked.files else _open_archive_input(asked)


@contextmanager
def _open_archive_input(asked: _BacktestRequest) -> Iterator[_BacktestInput]:
    settings = load_settings(asked.config)
    rules = load_rule_files(asked.rules) if asked.rules else load_rules(settings.rules)
    files = _list_archive_files(settings, asked.org)
    archive = StatePaths(state_dir=settings.state_dir).archive
    with (
        TemporaryDirectory(prefix="collector-") as scratch,
        engine.open_engine(Path(scratch), memory_limit=MEMORY_LIMIT) as connection,
    ):
        yield _BacktestInput(
            rules=rules,
            connection=connection,
            orgs=_group_by_org(connection, archive, files),
            since=clock.now() - (asked.since or DEFAULT_SINCE),
        )


def _list_archive_files(settings: Settings, org: str | None) -> list[ArchiveFile]:
    known = [each.name for each in settings.orgs]
    if org is not None and org not in known:
        raise click.UsageError(f"the configuration has no org {org!r}; it has {', '.join(known)}")
    with open_state_view(settings) as connection:
        files = ledger.list_archive_files(connection, org=org)
    if not files:
        raise CollectorError("the archive is empty: no event has been collected yet")
    return files


@contextmanager
def _open_file_input(asked: _BacktestRequest) -> Iterator[_BacktestInput]:
    quiet_logs()
    rules = load_rule_files(asked.rules or [find_shipped_folder("rules")])
    with open_temporary_pipeline(RuleSet(rules=())) as bench:
        skipped = _ingest_files(asked.files, bench)
        with bench.database.read() as connection:
            files = ledger.list_archive_files(connection)
        if not files:
            raise CollectorError("there is no event in these files")
        with engine.open_engine(bench.paths.spool, memory_limit=MEMORY_LIMIT) as connection:
            yield _BacktestInput(
                rules=rules,
                connection=connection,
                orgs=_group_by_org(connection, bench.paths.archive, files),
                since=_compute_start(files, asked.since),
                is_complete=not skipped,
            )


def _ingest_files(paths: Sequence[Path], bench: TemporaryPipeline) -> int:
    """Take files in as `collector scan` does; how many things could not be read."""
    skipped = 0
    files = list(local_files.find_files(paths, recursive=False))
    with show_progress("Reading", total=len(files)) as work:
        for file in files:
            for each in _ingest_file(file, bench):
                work.print_message(f"{each.path}: {each.reason}")
                skipped += 1
            work.advance(1)
    return skipped


def _ingest_file(
    file: Path | local_files.SkippedFile, bench: TemporaryPipeline
) -> Iterator[local_files.SkippedFile]:
    if isinstance(file, local_files.SkippedFile):
        yield file
        return
    for part in local_files.read_batches(file, bench.paths.spool):
        if isinstance(part, local_files.SkippedFile):
            yield part
            continue
        for reason in bench.pipeline.ingest(part).quarantine_reasons:
            yield local_files.SkippedFile(path=file, reason=f"cannot be read: {reason}")


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
