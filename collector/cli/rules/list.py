"""`collector rules list`: the rules, what they look at and how grave they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
from rich.text import Text

from collector.api.rule_list import RuleDescription, describe_rules, to_json
from collector.cli.options import config_option, json_option
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    format_setting,
    print_json_lines,
    print_paragraph,
    print_table,
    to_cells,
)
from collector.cli.rules.common import format_event_types, load_chosen_rules, paths_argument
from collector.detect.tuning.adjustment import RuleAdjustment
from collector.model import Severity


@click.command("list")
@config_option
@json_option
@click.option(
    "--all",
    "with_all",
    is_flag=True,
    help="Building blocks, event types and every parameter too, as for named PATHS.",
)
@paths_argument
def command(config: Path, paths: Sequence[Path], *, as_json: bool, with_all: bool) -> None:
    """The rules, what they look at and how grave they are; what is tuned and off.

    Without PATHS those of the configuration are meant, or the shipped ones where there is none.
    """
    rules = load_chosen_rules(config, paths)
    if as_json:
        print_json_lines(map(to_json, describe_rules(rules)))
        return
    descriptions = list(describe_rules(rules))
    if with_all or paths:
        _print_rules(descriptions)
        _print_adjustments(descriptions, with_all_parameters=True)
        return
    _print_alerting_rules(each for each in descriptions if each.rule.raises_alert)
    _print_adjustments(descriptions, with_all_parameters=False)


def _print_alerting_rules(descriptions: Iterable[RuleDescription]) -> None:
    """Print a line for each rule: what fits a terminal of 80 columns."""
    table = build_table(
        build_fixed_column("rule"),
        build_fixed_column("level"),
        "alert",
        build_number_column("tests"),
    )
    for description in descriptions:
        rule = description.rule
        level, alert = _describe_level(description), _describe_alert(description)
        table.add_row(*to_cells((rule.name, level, alert, len(rule.tests))))
    print_table(table)


def _print_rules(descriptions: Iterable[RuleDescription]) -> None:
    table = build_table(
        build_fixed_column("rule"),
        build_fixed_column("level"),
        "kind",
        "alert",
        "event types",
        "ATT&CK",
        build_number_column("tests"),
    )
    for description in descriptions:
        rule = description.rule
        types = format_event_types(description.event_types)
        kind = description.kind.replace("_", " ")
        attack = ", ".join(rule.attack)
        level, alert = _describe_level(description), _describe_alert(description)
        values = (rule.name, level, kind, alert, types, attack, len(rule.tests))
        table.add_row(*to_cells(values))
    print_table(table)


def _describe_level(description: RuleDescription) -> Text | str:
    """How grave a rule is, or that it is off."""
    return color_severity(description.rule.level) if description.adjustment.is_on else "off"


def _describe_alert(description: RuleDescription) -> str:
    """From which severity a rule is told of, and where it is not by itself, who speaks for it."""
    if description.rule.raises_alert:
        least = description.rule.notified_severity
        return "yes" if least == Severity.INFORMATIONAL else f"from {least}"
    return f"by {', '.join(description.silenced_by)}" if description.silenced_by else "no"


def _print_adjustments(
    descriptions: Iterable[RuleDescription], *, with_all_parameters: bool
) -> None:
    """Print what is off, what may be set and what the configuration changes, a line for each.

    Without all parameters those that the configuration leaves alone are passed over.
    """
    for description in descriptions:
        for sentence in _list_adjustments(
            description.adjustment, with_all_parameters=with_all_parameters
        ):
            print_paragraph(f"{description.rule.name}: {sentence}")


def _list_adjustments(adjustment: RuleAdjustment, *, with_all_parameters: bool) -> Iterator[str]:
    if not adjustment.is_on:
        yield adjustment.off_reason
    for parameter in adjustment.parameters:
        change = adjustment.find_parameter_change(parameter.name)
        if not change and not with_all_parameters:
            continue
        default = f"{format_setting(parameter.default)} by default" if change else ""
        reason = f" ({default}, {change})" if change else ""
        value = f"{format_setting(parameter.value)} {parameter.unit}".strip()
        yield f"{parameter.name} = {value}{reason}: {parameter.description}".removesuffix(": ")
    for change in adjustment.changes:
        if not change.is_parameter and change.key != "enabled":
            yield f"{change.key} = {format_setting(change.value)} ({change})"
    if adjustment.is_on and (switch := adjustment.find_change("enabled")):
        yield f"on by {switch}"
