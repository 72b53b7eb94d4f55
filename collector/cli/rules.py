"""`collector rules`: list, test and lint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.assembly import SCHEMA, shipped, workbench
from collector.cli.common import (
    cells,
    colored,
    json_option,
    print_json,
    print_table,
    quiet_logs,
    table,
)
from collector.detect import RuleSet, load
from collector.rulecheck import check

_PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))


@click.group("rules")
def command() -> None:
    """List, test and lint detection rules.

    Without PATHS the shipped rules are meant; with PATHS those files and folders alone.
    """


@command.command("list")
@json_option
@_PATHS
def listing(paths: Sequence[Path], *, as_json: bool) -> None:
    """The rules, what they look at and how grave they are."""
    rules = _load(paths)
    if as_json:
        for rule in rules.rules:
            print_json(
                {
                    "name": rule.name,
                    "id": rule.id,
                    "level": rule.level,
                    "event_types": rule.event_types,
                    "attack": rule.attack,
                    "tests": len(rule.tests),
                    "path": rule.path,
                }
            )
        return
    rows = table("rule", "level", "event types", "ATT&CK", "tests")
    for rule in rules.rules:
        types = ", ".join(rule.event_types) or "every type"
        values = (rule.name, colored(rule.level), types, ", ".join(rule.attack), len(rule.tests))
        rows.add_row(*cells(values))
    print_table(rows)


@command.command("lint")
@_PATHS
def lint(paths: Sequence[Path]) -> None:
    """Load the rules, and say everything that is wrong with them as file:line:column."""
    rules = _load(paths)
    click.echo(f"{len(rules.rules)} rules, nothing wrong")


@command.command("test")
@json_option
@_PATHS
def run_tests(paths: Sequence[Path], *, as_json: bool) -> None:
    """Run the tests inside the rule files through the real normalizer and engine."""
    quiet_logs()
    rules = _load(paths)
    passed, failed = 0, 0
    with workbench(rules) as bench:
        for verdict in check(
            rules.rules,
            pipeline=bench.pipeline,
            database=bench.database,
            spool=bench.places.spool,
        ):
            passed += not verdict.complaint
            failed += bool(verdict.complaint)
            if as_json:
                print_json(
                    {
                        "rule": verdict.rule.name,
                        "test": verdict.test.name,
                        "passed": not verdict.complaint,
                        "complaint": verdict.complaint,
                    }
                )
            elif verdict.complaint:
                place = f"{verdict.rule.path}:{verdict.test.line}"
                click.echo(f"{place}: {verdict.test.name}: {verdict.complaint}")
    untested = [rule.name for rule in rules.rules if not rule.tests]
    if untested:
        click.echo(f"without tests: {', '.join(untested)}", err=True)
    click.echo(f"{len(rules.rules)} rules: {passed} tests passed, {failed} failed", err=as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _load(paths: Sequence[Path]) -> RuleSet:

    return load(list(paths) or [shipped("rules")], schema=SCHEMA)
