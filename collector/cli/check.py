"""`collector check`: the preflight."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from itertools import groupby
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from collector.api.geoip_check import check_databases
from collector.api.preflight import check_orgs, to_json
from collector.api.rule_lint import list_unknown_fields
from collector.app.configured_parts import build_channels
from collector.cli.options import config_option, json_option, read_config
from collector.cli.output import format_count, group_by_message, print_json_lines, to_safe_text
from collector.detect import RuleSet
from collector.errors import RulesError
from collector.model import FindingLevel
from collector.preflight.checks import PreflightFinding, examine_channel
from collector.retention.keeping_plan import KeepingPlan
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import load_sound_rules
from collector.settings import Settings

_RULES = "rules"
"""The subject of findings about files of rules and lists."""

_LEVEL_MARKS = {
    FindingLevel.OK: ("✓", "green"),
    FindingLevel.WARNING: ("!", "yellow"),
    FindingLevel.FAILED: ("✗", "bold red"),
}


@click.command("check")
@config_option
@json_option
@click.option("--send-test", is_flag=True, help="Send a test message to every channel.")
def command(config: Path, *, as_json: bool, send_test: bool) -> None:
    """Look at the configuration, the rules, each org with its sources, and the channels.

    Exit code 0 when all is fine or worth a warning only, 1 when something failed, 2 when that is a
    file of rules or lists.
    """
    failed_areas: set[str] = set()
    for _, group in groupby(_check_everything(config, send_test=send_test), key=_parse_area):
        findings = list(group)
        failed_areas.update(
            finding.subject for finding in findings if finding.level == FindingLevel.FAILED
        )
        if as_json:
            print_json_lines(map(to_json, findings))
        else:
            _print_findings(findings)
    if failed_areas:
        raise click.exceptions.Exit(2 if _RULES in failed_areas else 1)


def _check_everything(config: Path, *, send_test: bool) -> Iterator[PreflightFinding]:
    loaded = read_config(config, log_level="error")
    for warning in loaded.warnings:
        yield PreflightFinding(level=FindingLevel.WARNING, subject="config", message=str(warning))
    yield PreflightFinding(level=FindingLevel.OK, subject="config", message=f"{config} is good")
    yield from _check_rules(loaded.settings)
    yield from check_databases(loaded.settings)
    yield from check_orgs(loaded.settings)
    yield from _check_channels(loaded.settings, send_test=send_test)


def _check_rules(settings: Settings) -> Iterator[PreflightFinding]:
    """Every problem of a file, how many rules have none, and which need more of the past."""
    schema = build_event_schema(settings)
    try:
        sound = load_sound_rules(settings.rules, schema=schema)
        problems, rules = sound.problems, sound.rules
    except RulesError as error:
        problems, rules = tuple(error.problems), RuleSet(rules=())
    count = len(rules.active_rules)
    for problem in problems:
        yield PreflightFinding(level=FindingLevel.FAILED, subject=_RULES, message=str(problem))
    if count:
        noun = format_count(count, "other rule" if problems else "rule")
        message = f"{noun} loaded, nothing wrong"
        yield PreflightFinding(level=FindingLevel.OK, subject=_RULES, message=message)
    for problem in (*rules.tuning_warnings, *list_unknown_fields(rules, schema)):
        yield PreflightFinding(level=FindingLevel.WARNING, subject=_RULES, message=str(problem))
    for warning in KeepingPlan(settings=settings.archive, rules=rules).list_warnings():
        yield PreflightFinding(level=FindingLevel.WARNING, subject="archive", message=warning)


def _check_channels(settings: Settings, *, send_test: bool) -> Iterator[PreflightFinding]:
    for name, channel in build_channels(settings).items():
        if not send_test:
            yield PreflightFinding(
                level=FindingLevel.OK, subject=f"channels/{name}", message="not tried: --send-test"
            )
            continue
        with redirect_stdout(sys.stderr):  # a terminal prints the message; stdout is for findings
            finding = examine_channel(name, channel)
        yield finding


def _parse_area(finding: PreflightFinding) -> str:
    """The area of a finding: the streams of one source of one org share it."""
    return finding.subject.rpartition("/")[0] if finding.subject.count("/") > 1 else finding.subject


def _print_findings(findings: Iterable[PreflightFinding]) -> None:
    """Print a line for each finding; streams with the same message share one."""
    console = Console(highlight=False)
    by_level: dict[FindingLevel, list[PreflightFinding]] = {}
    for finding in findings:
        by_level.setdefault(finding.level, []).append(finding)
    for level, group in by_level.items():
        area = _parse_area(group[0])
        messages = [
            (finding.subject.removeprefix(f"{area}/"), finding.message) for finding in group
        ]
        mark = Text.assemble(_LEVEL_MARKS[level], " ")
        for names, message in group_by_message(messages):
            console.print(
                mark + Text(to_safe_text(_format_line(area, names, message))), soft_wrap=True
            )


def _format_line(area: str, names: list[str], message: str) -> str:
    if names == [area]:
        return f"{area} — {message}"
    if len(names) == 1:
        return f"{area}/{names[0]} — {message}"
    return f"{area} — {len(names)} streams: {message} ({', '.join(names)})"
