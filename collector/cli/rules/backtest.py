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

from collector import clock, engine, scan
from collector.assembly import Workbench, load_rules, shipped, workbench
from collector.backtest import BEGINNING, MEMORY, Kept, Verdict, backtest, differences, effort
from collector.backtest import together as all_of
from collector.cli.common import quiet_logs
from collector.cli.options import config_option, duration, json_option, load_settings, reading
from collector.cli.progress import Work, working
from collector.cli.rules.backtest_report import Report, print_report
from collector.cli.rules.common import load_paths
from collector.detect import RuleSet
from collector.errors import CollectorError
from collector.model import ArchiveFile
from collector.pipeline import Places
from collector.settings import Settings
from collector.store import ledger

SINCE = timedelta(days=30)
"""So far an archive is looked back on where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is to be looked at: rules, and the archive of a configuration or files."""

    rules: Sequence[Path]
    config: Path
    files: Sequence[Path]
    since: timedelta | None
    org: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    """Rules, and the events that they are run over.

    Attributes:
        is_whole: whether everything could be read.
    """

    rules: RuleSet
    connection: duckdb.DuckDBPyConnection
    orgs: Sequence[Kept]
    since: datetime
    is_whole: bool = True


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
    callback=duration,
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
    asked = _Asked(rules=rules, config=config, files=files, since=since, org=org)
    other = None if against is None else load_paths([against])
    with _material(asked) as material:
        report = _report(material, other)
    print_report(report, as_json=as_json)
    if report.failed or not material.is_whole:
        raise click.exceptions.Exit(1)


def _report(material: _Material, other: RuleSet | None) -> Report:
    versions = [material.rules, *([] if other is None else [other])]
    total = sum(effort(rules, material.orgs, since=material.since) for rules in versions)
    with working("Backtesting", total=total) as work:
        ours, *theirs = [_verdicts(rules, material, work) for rules in versions]
    return Report(
        rules=material.rules,
        seen=all_of(kept.seen(material.since) for kept in material.orgs),
        verdicts=ours,
        other=theirs[0] if theirs else None,
        changes=list(differences(ours, theirs[0])) if theirs else [],
    )


def _verdicts(rules: RuleSet, material: _Material, work: Work) -> list[Verdict]:
    return backtest(
        rules,
        material.orgs,
        connection=material.connection,
        since=material.since,
        progress=work.advance,
    )


# ---- the events


def _material(asked: _Asked) -> AbstractContextManager[_Material]:
    return _of_files(asked) if asked.files else _of_archive(asked)


@contextmanager
def _of_archive(asked: _Asked) -> Iterator[_Material]:
    settings = load_settings(asked.config)
    rules = load_paths(asked.rules) if asked.rules else load_rules(settings.rules)
    files = _committed(settings, asked.org)
    root = Places(state_dir=settings.state_dir).archive
    with (
        TemporaryDirectory(prefix="collector-") as scratch,
        engine.connect(Path(scratch), memory=MEMORY) as connection,
    ):
        yield _Material(
            rules=rules,
            connection=connection,
            orgs=_kept(connection, root, files),
            since=clock.now() - (asked.since or SINCE),
        )


def _committed(settings: Settings, org: str | None) -> list[ArchiveFile]:
    known = [each.name for each in settings.orgs]
    if org is not None and org not in known:
        raise click.UsageError(f"the configuration has no org {org!r}; it has {', '.join(known)}")
    with reading(settings) as connection:
        files = ledger.archive_files(connection, org=org)
    if not files:
        raise CollectorError("the archive is empty: no event has been collected yet")
    return files


@contextmanager
def _of_files(asked: _Asked) -> Iterator[_Material]:
    quiet_logs()
    rules = load_paths(asked.rules or [shipped("rules")])
    with workbench(RuleSet(rules=())) as bench:
        skipped = _ingest(asked.files, bench)
        with bench.database.read() as connection:
            files = ledger.archive_files(connection)
        if not files:
            raise CollectorError("there is no event in these files")
        with engine.connect(bench.places.spool, memory=MEMORY) as connection:
            yield _Material(
                rules=rules,
                connection=connection,
                orgs=_kept(connection, bench.places.archive, files),
                since=_since(files, asked.since),
                is_whole=not skipped,
            )


def _ingest(paths: Sequence[Path], bench: Workbench) -> int:
    """Take files in as `collector scan` does; how many things could not be read."""
    skipped = 0
    files = list(scan.find(paths, recursive=False))
    with working("Reading", total=len(files)) as work:
        for file in files:
            for each in _unread(file, bench):
                work.tell(f"{each.path}: {each.reason}")
                skipped += 1
            work.advance(1)
    return skipped


def _unread(file: Path | scan.Skipped, bench: Workbench) -> Iterator[scan.Skipped]:
    if isinstance(file, scan.Skipped):
        yield file
        return
    for part in scan.batches(file, bench.places.spool):
        if isinstance(part, scan.Skipped):
            yield part
            continue
        for reason in bench.pipeline.ingest(part).quarantined:
            yield scan.Skipped(path=file, reason=f"cannot be read: {reason}")


def _since(files: Sequence[ArchiveFile], since: timedelta | None) -> datetime:
    return BEGINNING if since is None else max(file.last for file in files) - since


def _kept(
    connection: duckdb.DuckDBPyConnection, root: Path, files: Sequence[ArchiveFile]
) -> list[Kept]:
    return [
        Kept(
            connection=connection,
            root=root,
            org=org,
            files=[file for file in files if file.org == org],
        )
        for org in sorted({file.org for file in files})
    ]
