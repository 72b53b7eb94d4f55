"""`collector rules test`: the tests inside rule files, through the real path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.app.wiring import open_temporary_pipeline
from collector.cli.options import json_option
from collector.cli.output import format_count, print_json, print_line, print_stderr, quiet_logs
from collector.cli.progress import show_progress
from collector.cli.rules.common import load_rule_files, paths_argument
from collector.model import Rule
from collector.rules.self_tests import RuleTestResult, run_rule_tests


@click.command("test")
@json_option
@paths_argument
def command(paths: Sequence[Path], *, as_json: bool) -> None:
    """Run the tests inside the rule files through the real normalizer and engine."""
    quiet_logs()
    rules = load_rule_files(paths)
    verdicts = []
    total = sum(len(rule.tests) for rule in rules.rules)
    with open_temporary_pipeline(rules) as bench, show_progress("Testing", total=total) as work:
        for verdict in run_rule_tests(
            rules.rules,
            pipeline=bench.pipeline,
            database=bench.database,
            spool=bench.paths.spool,
        ):
            verdicts.append(verdict)
            work.advance(1)
    _print_results(rules.rules, verdicts, as_json=as_json)
    if any(verdict.failure for verdict in verdicts):
        raise click.exceptions.Exit(1)


def _print_results(
    rules: Sequence[Rule], verdicts: Sequence[RuleTestResult], *, as_json: bool
) -> None:
    """Every verdict as JSON, or those that are complaints; then the sum of it."""
    for verdict in verdicts:
        if as_json:
            print_json(_to_result_dict(verdict))
        elif verdict.failure:
            place = f"{verdict.rule.path}:{verdict.test.line}"
            print_line(f"{place}: {verdict.rule.name}: {verdict.test.name}: {verdict.failure}")
    untested = [rule.name for rule in rules if not rule.tests]
    if untested:
        print_stderr(f"without tests: {', '.join(untested)}")
    failed = sum(bool(verdict.failure) for verdict in verdicts)
    passed = format_count(len(verdicts) - failed, "test")
    summary = f"{format_count(len(rules), 'rule')}: {passed} passed, {failed} failed"
    (print_stderr if as_json else print_line)(summary)


def _to_result_dict(verdict: RuleTestResult) -> dict[str, object]:
    return {
        "rule": verdict.rule.name,
        "test": verdict.test.name,
        "passed": not verdict.failure,
        "complaint": verdict.failure,
        "path": verdict.rule.path,
        "line": verdict.test.line,
    }
