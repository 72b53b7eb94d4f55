"""`collector rules list`: the rules, what they look at and how grave they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from collector.cli.common import cells, colored, number, print_json, print_table, table, whole
from collector.cli.options import json_option
from collector.cli.rules.common import kind, load_paths, paths_argument, some
from collector.detect import RuleSet
from collector.model import Rule
from collector.rulecoverage import event_types, wants


@click.command("list")
@json_option
@paths_argument
def command(paths: Sequence[Path], *, as_json: bool) -> None:
    """The rules, what they look at and how grave they are."""
    rules = load_paths(paths)
    if as_json:
        for rule in rules.rules:
            print_json(_as_dict(rule, rules))
        return
    columns = (whole("rule"), whole("level"), "kind", "event types", "ATT&CK", number("tests"))
    rows = table(*columns)
    for rule in rules.rules:
        types = some(event_types(rule, rules))
        words = kind(rule).replace("_", " ")
        attack = ", ".join(rule.attack)
        values = (rule.name, colored(rule.level), words, types, attack, len(rule.tests))
        rows.add_row(*cells(values))
    print_table(rows)


def _as_dict(rule: Rule, rules: RuleSet) -> dict[str, object]:
    return {
        "name": rule.name,
        "id": rule.id,
        "level": rule.level,
        "kind": kind(rule),
        "alert": rule.alert,
        "event_types": event_types(rule, rules),
        "lists": sorted(rule.lists),
        "attack": rule.attack,
        "needs": [asdict(need) for need in wants(rule, rules)],
        "tests": len(rule.tests),
        "path": rule.path,
    }
