"""`collector rules`: list, test and lint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.assembly import SCHEMA, shipped, workbench
from collector.cli.common import (
    cells,
    colored,
    counted,
    number,
    print_json,
    print_table,
    quiet_logs,
    say,
    table,
    tell,
    whole,
)
from collector.cli.options import json_option
from collector.cli.progress import working
from collector.detect import RuleSet, load
from collector.model import Rule
from collector.rulecheck import Verdict, check

_PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))

_LISTED = 4
"""So many event types of a rule are listed; a rule may see all of them."""


@click.group("rules")
def command() -> None:
    """List, test and lint detection rules.

    Without PATHS the shipped rules are meant; with PATHS those files and folders alone. Exit code 2
    when a rule is wrong, each mistake on a line of its own as file:line:column.
    """


@command.command("list")
@json_option
@_PATHS
def listing(paths: Sequence[Path], *, as_json: bool) -> None:
    """The rules, what they look at and how grave they are."""
    rules = _load(paths).rules
    if as_json:
        for rule in rules:
            print_json(_as_dict(rule))
        return
    rows = table(whole("rule"), whole("level"), "event types", "ATT&CK", number("tests"))
    for rule in rules:
        attack = ", ".join(rule.attack)
        values = (rule.name, colored(rule.level), _types(rule), attack, len(rule.tests))
        rows.add_row(*cells(values))
    print_table(rows)


@command.command("lint")
@_PATHS
def lint(paths: Sequence[Path]) -> None:
    """Load the rules, and say everything that is wrong with them as file:line:column."""
    say(f"{counted(len(_load(paths).rules), 'rule')}, nothing wrong")


@command.command("test")
@json_option
@_PATHS
def run_tests(paths: Sequence[Path], *, as_json: bool) -> None:
    """Run the tests inside the rule files through the real normalizer and engine."""
    quiet_logs()
    rules = _load(paths)
    verdicts = []
    total = sum(len(rule.tests) for rule in rules.rules)
    with workbench(rules) as bench, working("Testing", total=total) as work:
        for verdict in check(
            rules.rules,
            pipeline=bench.pipeline,
            database=bench.database,
            spool=bench.places.spool,
        ):
            verdicts.append(verdict)
            work.advance(1)
    _report(rules.rules, verdicts, as_json=as_json)
    if any(verdict.complaint for verdict in verdicts):
        raise click.exceptions.Exit(1)


def _report(rules: Sequence[Rule], verdicts: Sequence[Verdict], *, as_json: bool) -> None:
    """Every verdict as JSON, or those that are complaints; then the sum of it."""
    for verdict in verdicts:
        if as_json:
            print_json(_verdict_as_dict(verdict))
        elif verdict.complaint:
            place = f"{verdict.rule.path}:{verdict.test.line}"
            say(f"{place}: {verdict.rule.name}: {verdict.test.name}: {verdict.complaint}")
    untested = [rule.name for rule in rules if not rule.tests]
    if untested:
        tell(f"without tests: {', '.join(untested)}")
    failed = sum(bool(verdict.complaint) for verdict in verdicts)
    passed = counted(len(verdicts) - failed, "test")
    summary = f"{counted(len(rules), 'rule')}: {passed} passed, {failed} failed"
    (tell if as_json else say)(summary)


def _load(paths: Sequence[Path]) -> RuleSet:
    return load(list(paths) or [shipped("rules")], schema=SCHEMA)


def _types(rule: Rule) -> str:
    listed = ", ".join(rule.event_types[:_LISTED]) or "every type"
    more = len(rule.event_types) - _LISTED
    return f"{listed} and {more} more" if more > 0 else listed


def _as_dict(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "id": rule.id,
        "level": rule.level,
        "event_types": rule.event_types,
        "attack": rule.attack,
        "tests": len(rule.tests),
        "path": rule.path,
    }


def _verdict_as_dict(verdict: Verdict) -> dict[str, object]:
    return {
        "rule": verdict.rule.name,
        "test": verdict.test.name,
        "passed": not verdict.complaint,
        "complaint": verdict.complaint,
        "path": verdict.rule.path,
        "line": verdict.test.line,
    }
