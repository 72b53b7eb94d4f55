"""`collector rules test`: the tests inside rule files, through the real path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.api.rule_tests import run_tests, to_json
from collector.cli.options import config_option, json_option
from collector.cli.output import format_count, print_json, print_line, print_stderr, quiet_logs
from collector.cli.progress import show_progress
from collector.cli.rules.common import paths_argument, read_rules_context
from collector.cli.rules.list_option import lists_option, refuse_unused_lists
from collector.model import Rule
from collector.rules.rule_files import ListSources, load_written_rules
from collector.rules.self_tests import RuleTestResult


@click.command("test")
@config_option
@json_option
@lists_option
@paths_argument
def command(
    config: Path, paths: Sequence[Path], further_lists: ListSources, *, as_json: bool
) -> None:
    """Run the tests inside the rule files through the real normalizer and engine.

    Each rule is tested as its file has it: on, and without what the configuration tunes.

    Without PATHS those of the configuration are meant, or the shipped ones where there is none.
    """
    quiet_logs()
    context = read_rules_context(config, paths)
    rules = load_written_rules(
        paths, context.settings, schema=context.schema, further_lists=further_lists
    )
    refuse_unused_lists(further_lists, rules)
    results = []
    total = sum(len(rule.tests) for rule in rules.own_rules)
    with show_progress("Testing", total=total) as progress:
        for result in run_tests(rules):
            results.append(result)
            progress.advance(1)
    _print_results(rules.own_rules, results, as_json=as_json)
    if any(result.failure for result in results):
        raise click.exceptions.Exit(1)


def _print_results(
    rules: Sequence[Rule], results: Sequence[RuleTestResult], *, as_json: bool
) -> None:
    """Every result as JSON, or those that are complaints; then the sum of it."""
    for result in results:
        if as_json:
            print_json(to_json(result))
        elif result.failure:
            place = f"{result.rule.path}:{result.test.line}"
            print_line(f"{place}: {result.rule.name}: {result.test.name}: {result.failure}")
            for reason in result.reasons:
                print_line(f"    {reason}")
    untested = [rule.name for rule in rules if rule.raises_alert and not rule.tests]
    if untested:
        print_stderr(f"without tests: {', '.join(untested)}")
    failed = sum(bool(result.failure) for result in results)
    passed = format_count(len(results) - failed, "test")
    summary = f"{format_count(len(rules), 'rule')}: {passed} passed, {failed} failed"
    (print_stderr if as_json else print_line)(summary)
