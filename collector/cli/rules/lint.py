"""`collector rules lint`: all that is wrong or odd about rules, by place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from collector.assembly import SCHEMA
from collector.cli.common import counted, print_json, say, tell
from collector.cli.options import json_option
from collector.cli.rules.common import load_paths, paths_argument
from collector.detect import RuleSet
from collector.detect.lint import Warned, warnings
from collector.errors import Problem, RulesError
from collector.rulecoverage import wants


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
        rules = load_paths(paths)
    except RulesError as error:
        if not as_json:
            raise
        for problem in error.problems:
            print_json(_as_dict("error", problem))
        raise click.exceptions.Exit(2) from None
    found = list(warnings(rules, schema=SCHEMA))
    for each in found:
        _show(each, as_json=as_json)
    if verbose:
        for sentence in _needs(rules):
            tell(sentence)
    odd = counted(len(found), "warning") if found else "nothing wrong"
    (tell if as_json else say)(f"{counted(len(rules.rules), 'rule')}, {odd}")
    if found and strict:
        raise click.exceptions.Exit(1)


def _show(each: Warned, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_dict("warning", each.problem, rule=each.rule))
    else:
        say(f"{each.problem} (warning)")


def _as_dict(kind: str, problem: Problem, **more: str) -> dict[str, object]:
    return {
        "kind": kind,
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        **more,
    }


def _needs(rules: RuleSet) -> Iterator[str]:
    """What it takes to read what each rule looks at, event type by event type."""
    for rule in rules.rules:
        for need in wants(rule, rules):
            yield f"{rule.name}: {need.event_type} needs {need}"
