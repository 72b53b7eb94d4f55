"""`collector rules list`: the rules, what they look at and how grave they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from collector.cli.options import json_option
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    print_json,
    print_table,
    to_cells,
)
from collector.cli.rules.common import (
    classify_rule,
    format_event_types,
    load_rule_files,
    paths_argument,
)
from collector.detect import RuleSet
from collector.model import Rule
from collector.rules.coverage import list_rule_needs, list_rule_types


@click.command("list")
@json_option
@paths_argument
def command(paths: Sequence[Path], *, as_json: bool) -> None:
    """The rules, what they look at and how grave they are."""
    rules = load_rule_files(paths)
    if as_json:
        for rule in rules.rules:
            print_json(_to_rule_dict(rule, rules))
        return
    columns = (
        build_fixed_column("rule"),
        build_fixed_column("level"),
        "kind",
        "event types",
        "ATT&CK",
        build_number_column("tests"),
    )
    rows = build_table(*columns)
    for rule in rules.rules:
        types = format_event_types(list_rule_types(rule, rules))
        words = classify_rule(rule).replace("_", " ")
        attack = ", ".join(rule.attack)
        values = (rule.name, color_severity(rule.level), words, types, attack, len(rule.tests))
        rows.add_row(*to_cells(values))
    print_table(rows)


def _to_rule_dict(rule: Rule, rules: RuleSet) -> dict[str, object]:
    return {
        "name": rule.name,
        "id": rule.id,
        "level": rule.level,
        "kind": classify_rule(rule),
        "alert": rule.raises_alert,
        "event_types": list_rule_types(rule, rules),
        "lists": sorted(rule.lists),
        "attack": rule.attack,
        "needs": [asdict(need) for need in list_rule_needs(rule, rules)],
        "tests": len(rule.tests),
        "path": rule.path,
    }
