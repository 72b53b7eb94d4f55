"""`collector rules lint`: all that is wrong or odd about rules, by place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from collector.api.rule_lint import build_lint_report, to_error_json, to_warning_json
from collector.api.rule_list import describe_rules
from collector.cli.options import config_option, json_option
from collector.cli.output import (
    format_count,
    print_json,
    print_json_lines,
    print_line,
    print_stderr,
)
from collector.cli.rules.common import paths_argument, read_rules_context
from collector.detect import RuleSet
from collector.detect.lint import LintWarning
from collector.errors import RulesError
from collector.rules.rule_files import load_rule_files


@click.command("lint")
@click.option("--strict", is_flag=True, help="Exit with 1 when there are warnings.")
@click.option("-v", "--verbose", is_flag=True, help="Also what each rule needs of an org.")
@config_option
@json_option
@paths_argument
def command(
    config: Path, paths: Sequence[Path], *, strict: bool, verbose: bool, as_json: bool
) -> None:
    """Load the rules, and say all that is wrong or odd about them, as file:line:column.

    A mistake is something that keeps the rules from being loaded: exit code 2. A warning is
    something that may be meant, and mostly is not.

    Without PATHS those of the configuration are meant, or the shipped ones where there is none.
    """
    try:
        context = read_rules_context(config, paths)
        rules = load_rule_files(paths, context.settings, schema=context.schema)
        report = build_lint_report(rules, paths, schema=context.schema)
    except RulesError as error:
        if not as_json:
            raise
        print_json_lines(map(to_error_json, error.problems))
        raise click.exceptions.Exit(2) from None
    warnings = report.warnings
    for warning in warnings:
        _print_warning(warning, as_json=as_json)
    if verbose:
        for sentence in _list_needs(rules):
            print_stderr(sentence)
    for name, correlations in rules.silencers.items():
        print_stderr(f"{name} raises no alert of its own: {_say_who_tells(correlations)}")
    summary = format_count(len(warnings), "warning") if warnings else "nothing wrong"
    (print_stderr if as_json else print_line)(
        f"{format_count(len(rules.own_rules), 'rule')}, {summary}"
    )
    if warnings and strict:
        raise click.exceptions.Exit(1)


def _print_warning(warning: LintWarning, *, as_json: bool) -> None:
    if as_json:
        print_json(to_warning_json(warning))
    else:
        print_line(f"{warning.problem} (warning)")


def _list_needs(rules: RuleSet) -> Iterator[str]:
    """What it takes to read what each rule looks at, event type by event type."""
    for description in describe_rules(rules):
        for need in description.needs:
            yield f"{description.rule.name}: {need.event_type} needs {need}"


def _say_who_tells(correlations: Sequence[str]) -> str:
    verb = "tells" if len(correlations) == 1 else "tell"
    return f"{', '.join(correlations)} {verb} of it"
