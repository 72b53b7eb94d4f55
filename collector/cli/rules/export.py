"""`collector rules export`: the rules in the words of other tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from collector import clock, normalize
from collector.cli.options import config_option
from collector.cli.output import format_count, print_stderr
from collector.cli.rules.common import load_chosen_rules, paths_argument
from collector.detect import RuleSet
from collector.detect.export import ExportedRule
from collector.detect.export import sigma as export_sigma
from collector.detect.export import sql as export_sql
from collector.rules.rule_files import EVENT_SCHEMA

_SIGMA, _DUCKDB, _SPARK = "sigma", "duckdb", "spark"


@click.command("export")
@click.option(
    "--to",
    "language",
    type=click.Choice([_SIGMA, _DUCKDB, _SPARK]),
    required=True,
    help="Sigma without the block of ours, or SQL over the archive.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for one file for each rule. Default: all of them on stdout.",
)
@config_option
@paths_argument
def command(config: Path, paths: Sequence[Path], *, language: str, out: Path | None) -> None:
    """The rules as plain Sigma, or as SQL for DuckDB or Spark.

    Value lists are written out: export again when they change. Sigma has one level a rule, so that
    a rule whose severity depends on the event becomes one for each level. What cannot be said in
    the other language is named on stderr.

    Without PATHS those of the configuration are meant, or the shipped ones where there is none.
    """
    exported = []
    rules = load_chosen_rules(config, paths)
    for off_rule in rules.off_rules:
        if off_rule.name not in rules.by_name:
            reason = rules.find_adjustment(off_rule.name).off_reason
            print_stderr(f"{off_rule.name} is left out: {reason}")
    for rule in _export_rules(rules, language):
        if rule.text:
            exported.append(rule)
        else:
            print_stderr(f"{rule.rule} is left out: {rule.reason}")
    if out is None:
        click.echo(("---\n" if language == _SIGMA else "\n").join(rule.text for rule in exported))
        return
    out.mkdir(parents=True, exist_ok=True)
    suffix = "yml" if language == _SIGMA else "sql"
    for rule in exported:
        (out / f"{rule.rule}.{suffix}").write_text(rule.text, encoding="utf-8")
    print_stderr(f"{format_count(len(exported), 'rule')} in {out}")


def _export_rules(rules: RuleSet, language: str) -> Iterator[ExportedRule]:
    if language == _SIGMA:
        return export_sigma.export_rules(rules, at=clock.now())
    return export_sql.export_rules(rules, _build_sql_archive(language))


def _build_sql_archive(language: str) -> export_sql.EventTable:
    return export_sql.EventTable(
        schema=EVENT_SCHEMA,
        derived_types=normalize.DERIVED_EVENT_TYPES,
        dialect="spark" if language == _SPARK else "duckdb",
    )
