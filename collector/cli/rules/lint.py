"""`collector rules lint`: all that is wrong or odd about rules, by place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from collector.app.wiring import EVENT_SCHEMA
from collector.cli.options import json_option
from collector.cli.output import format_count, print_json, print_line, print_stderr
from collector.cli.rules.common import load_rule_files, paths_argument
from collector.detect import RuleSet
from collector.detect.lint import LintWarning, lint_rules
from collector.errors import Problem, RulesError
from collector.rules.coverage import list_rule_needs


@click.command("lint")
@click.option("--strict", is_flag=True, help="Exit with 1 when there are warnings.")
@click.option("-v", "--verbose", is_flag=True, help="Also what each rule needs of an org.")
@json_option
@paths_argument
def command(paths: Sequence[Path], *, strict: bool, verbose: bool, as_json: bool) -> None:
    """Load the rules, and say all that is wrong or odd about them, as file:line:column.

    A mistake is something that keeps the rules from being loaded: exit code 2. A warning is
    something that may be meant, and mostly is not.
    """
    try:
        rules = load_rule_files(paths)
    except RulesError as error:
        if not as_json:
            raise
        for problem in error.problems:
            print_json(_to_problem_dict("error", problem))
        raise click.exceptions.Exit(2) from None
    found = list(lint_rules(rules, schema=EVENT_SCHEMA))
    for each in found:
        _print_warning(each, as_json=as_json)
    if verbose:
        for sentence in _list_needs(rules):
            print_stderr(sentence)
    odd = format_count(len(found), "warning") if found else "nothing wrong"
    (print_stderr if as_json else print_line)(f"{format_count(len(rules.rules), 'rule')}, {odd}")
    if found and strict:
        raise click.exceptions.Exit(1)


def _print_warning(each: LintWarning, *, as_json: bool) -> None:
    if as_json:
        print_json(_to_problem_dict("warning", each.problem, rule=each.rule))
    else:
        print_line(f"{each.problem} (warning)")


def _to_problem_dict(kind: str, problem: Problem, **more: str) -> dict[str, object]:
    return {
        "kind": kind,
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        **more,
    }


def _list_needs(rules: RuleSet) -> Iterator[str]:
    """What it takes to read what each rule looks at, event type by event type."""
    for rule in rules.rules:
        for need in list_rule_needs(rule, rules):
            yield f"{rule.name}: {need.event_type} needs {need}"
