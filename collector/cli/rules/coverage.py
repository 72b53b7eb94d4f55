"""`collector rules coverage`: which rules can fire in each org, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.text import Text

from collector.api.rule_coverage import (
    RuleCoverageReport,
    list_needs_by_type,
    list_techniques,
    read_rule_coverage,
    to_json_lines,
    to_technique_json,
)
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_number_column,
    build_table,
    format_count,
    print_json_lines,
    print_line,
    print_stderr,
    print_table,
)
from collector.cli.rules.common import has_config, paths_argument
from collector.rules.configured_schema import build_event_schema
from collector.rules.coverage import RuleCoverage, RuleStanding
from collector.rules.rule_files import load_rule_files

_STATE_STYLES = {
    RuleStanding.FIRES: "green",
    RuleStanding.WAITS: "yellow",
    RuleStanding.BLIND: "bold red",
}


@click.command("coverage")
@config_option
@click.option("--attack", "by_technique", is_flag=True, help="By ATT&CK technique.")
@json_option
@paths_argument
def command(
    config: Path,
    paths: Sequence[Path],
    *,
    by_technique: bool,
    as_json: bool,
) -> None:
    """Which rules can fire in each org, and what is missing for the others.

    A rule fires where an event type that it looks at has brought events, waits where one may come,
    and is blind where the org or the configuration shows it none. Without a configuration: what the
    event types of each rule need.
    """
    report = _read_coverage(paths, config if has_config(config) else None)
    if as_json and by_technique:
        print_json_lines(map(to_technique_json, list_techniques(report)))
    elif as_json:
        print_json_lines(to_json_lines(report))
    elif by_technique:
        _print_techniques(report)
    elif report.orgs:
        for org in report.orgs:
            _print_coverage(report, org)
    else:
        _print_needs(report)


def _read_coverage(paths: Sequence[Path], config: Path | None) -> RuleCoverageReport:
    if config is None:
        return RuleCoverageReport(rules=load_rule_files(paths))
    settings = load_settings(config)
    report = read_rule_coverage(
        settings, load_rule_files(paths, settings.rules, schema=build_event_schema(settings))
    )
    if report.warning:
        print_stderr(report.warning)
    return report


# ---- rules


def _print_coverage(report: RuleCoverageReport, org: str) -> None:
    table = build_table(
        build_fixed_column("rule"), build_fixed_column("state"), "because", title=f"Rules in {org}"
    )
    coverages = [coverage for coverage in report.coverages if coverage.org == org]
    for coverage in coverages:
        needs = list_needs_by_type(report, coverage.rule)
        state = Text(coverage.state, style=_STATE_STYLES[coverage.state])
        add_row(table, coverage.rule, state, _explain_state(coverage, needs))
    print_table(table)
    counts = ", ".join(
        f"{sum(coverage.state == state for coverage in coverages)} {words}"
        for state, words in (
            (RuleStanding.FIRES, "fire"),
            (RuleStanding.WAITS, "wait"),
            (RuleStanding.BLIND, "blind"),
        )
    )
    print_line(f"{org}: {format_count(len(coverages), 'rule')}: {counts}")


def _explain_state(coverage: RuleCoverage, needs: Mapping[str, str]) -> str:
    """What a rule fires on; or, where it does not, why, and what that needs."""
    if coverage.state == RuleStanding.FIRES:
        return f"fires on {', '.join(coverage.seen_types) or 'every event'}"
    reasons: dict[str, list[str]] = {}
    for name, why in coverage.reasons.items():
        need = f" (needs {needs[name]})" if needs.get(name) else ""
        reasons.setdefault(why + need, []).append(name)
    sentences = [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "; ".join(sentences) or "no event so far"


def _print_needs(report: RuleCoverageReport) -> None:
    table = build_table(build_fixed_column("rule"), "event types", "need")
    for rule in report.rules.active_rules:
        types: dict[str, list[str]] = {}
        for event_type, need in list_needs_by_type(report, rule.name).items():
            types.setdefault(need, []).append(event_type)
        for position, (need, names) in enumerate(types.items()):
            add_row(table, "" if position else rule.name, ", ".join(names), need)
        if not types:
            add_row(table, rule.name, "every type", "anything that can be read")
    print_table(table)


# ---- techniques


def _print_techniques(report: RuleCoverageReport) -> None:
    """Each technique with its rules, and with how many of them can fire somewhere."""
    table = build_table(
        build_fixed_column("technique"), "name", "rules", build_number_column("can fire")
    )
    for technique in list_techniques(report):
        share = (
            f"{len(technique.able_rules)} of {len(technique.rules)}" if report.orgs else "unknown"
        )
        add_row(table, technique.technique, technique.name, ", ".join(technique.rules), share)
    print_table(table)
