"""`collector rules backtest`: how often each rule would have told you."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click
from click.core import ParameterSource

from collector.api import backtest
from collector.api.backtest import BacktestInput, BacktestReport
from collector.cli.options import config_option, json_option, load_settings, parse_duration
from collector.cli.output import quiet_logs
from collector.cli.progress import show_progress
from collector.cli.rules.backtest_report import print_report
from collector.collection import local_files
from collector.collection.local_files import has_known_suffix
from collector.detect import EventSchema, RuleSet
from collector.ingest.temporary_pipeline import TemporaryPipeline, open_temporary_pipeline
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import EVENT_SCHEMA, load_rule_files
from collector.settings import RulesSettings
from collector.yaml_source.yaml_files import YAML_SUFFIXES, list_yaml_files


@click.command("backtest")
@config_option
@click.option(
    "--files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Files or folders to look at, as `collector scan` reads them, instead of the archive. More"
    " may follow: those that are no YAML.",
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
    paths, more_files = _split_paths(rules)
    if more_files and not files:
        raise click.UsageError(f"{more_files[0]} holds no rules: give logs with --files")
    files = [*files, *more_files]
    is_named = context.get_parameter_source("config") == ParameterSource.COMMANDLINE
    if files and (is_named or org is not None):
        raise click.UsageError("--files are of no configuration: leave out -c and --org")
    if files:
        report, skipped = _backtest_files(files, paths, against, since=since)
    else:
        report, skipped = _backtest_archive(config, paths, against, since=since, org=org), 0
    print_report(report, as_json=as_json)
    if report.has_failures or skipped:
        raise click.exceptions.Exit(1)


def _split_paths(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files and folders of rules, and others: an option takes one value, and shells give many."""
    rules = [path for path in paths if _holds_rules(path)]
    return rules, [path for path in paths if path not in rules]


def _holds_rules(path: Path) -> bool:
    if path.is_dir():
        return bool(list_yaml_files(path))
    return path.suffix in YAML_SUFFIXES or not has_known_suffix(path)


def _backtest_archive(
    config: Path,
    paths: Sequence[Path],
    against: Path | None,
    *,
    since: timedelta | None,
    org: str | None,
) -> BacktestReport:
    settings = load_settings(config)
    schema = build_event_schema(settings)
    other_rules = _load_other_rules(against, settings.rules, schema)
    rules = load_rule_files(paths, settings.rules, schema=schema)
    org_names = [org_settings.name for org_settings in settings.orgs]
    if org is not None and org not in org_names:
        raise click.UsageError(
            f"the configuration has no org {org!r}; it has {', '.join(org_names)}"
        )
    with backtest.open_archive_input(settings, org=org, since=since) as events:
        return _run_backtest(rules, other_rules, events)


def _backtest_files(
    files: Sequence[Path],
    paths: Sequence[Path],
    against: Path | None,
    *,
    since: timedelta | None,
) -> tuple[BacktestReport, int]:
    """The report, and how many things could not be read."""
    quiet_logs()
    other_rules = _load_other_rules(against, RulesSettings(), EVENT_SCHEMA)
    rules = load_rule_files(paths)
    with open_temporary_pipeline(RuleSet(rules=())) as temp_pipeline:
        skipped = _ingest_files(files, temp_pipeline)
        with backtest.open_file_input(temp_pipeline, since=since) as events:
            return _run_backtest(rules, other_rules, events), skipped


def _load_other_rules(
    against: Path | None, settings: RulesSettings, schema: EventSchema
) -> RuleSet | None:
    return None if against is None else load_rule_files([against], settings, schema=schema)


def _ingest_files(paths: Sequence[Path], temp_pipeline: TemporaryPipeline) -> int:
    """Take files in as `collector scan` does; how many things could not be read."""
    skipped = 0
    files = list(local_files.find_files(paths, recursive=False))
    with show_progress("Reading", total=len(files)) as progress:
        for file in files:
            for skipped_file in backtest.ingest_file(file, temp_pipeline):
                progress.print_message(f"{skipped_file.path}: {skipped_file.reason}")
                skipped += 1
            progress.advance(1)
    return skipped


def _run_backtest(
    rules: RuleSet, other_rules: RuleSet | None, events: BacktestInput
) -> BacktestReport:
    versions = [rules] if other_rules is None else [rules, other_rules]
    total = backtest.estimate_total(versions, events)
    with show_progress("Backtesting", total=total) as bar:
        return backtest.build_report(rules, other_rules, events, progress=bar.advance)
