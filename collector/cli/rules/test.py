"""`collector rules test`: the tests inside rule files, through the real path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.assembly import workbench
from collector.cli.common import counted, print_json, quiet_logs, say, tell
from collector.cli.options import json_option
from collector.cli.progress import working
from collector.cli.rules.common import load_paths, paths_argument
from collector.model import Rule
from collector.rulecheck import Verdict, check


@click.command("test")
@json_option
@paths_argument
def command(paths: Sequence[Path], *, as_json: bool) -> None:
    """Run the tests inside the rule files through the real normalizer and engine."""
    quiet_logs()
    rules = load_paths(paths)
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


def _verdict_as_dict(verdict: Verdict) -> dict[str, object]:
    return {
        "rule": verdict.rule.name,
        "test": verdict.test.name,
        "passed": not verdict.complaint,
        "complaint": verdict.complaint,
        "path": verdict.rule.path,
        "line": verdict.test.line,
    }
