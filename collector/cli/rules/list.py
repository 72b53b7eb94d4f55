"""`collector rules list`: the rules, what they look at and how grave they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.api.rule_list import describe_rules, to_json
from collector.cli.options import json_option
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    print_json_lines,
    print_table,
    to_cells,
)
from collector.cli.rules.common import format_event_types, paths_argument
from collector.rules.rule_files import load_rule_files


@click.command("list")
@json_option
@paths_argument
def command(paths: Sequence[Path], *, as_json: bool) -> None:
    """The rules, what they look at and how grave they are."""
    rules = load_rule_files(paths)
    if as_json:
        print_json_lines(map(to_json, describe_rules(rules)))
        return
    columns = (
        build_fixed_column("rule"),
        build_fixed_column("level"),
        "kind",
        "event types",
        "ATT&CK",
        build_number_column("tests"),
    )
    table = build_table(*columns)
    for description in describe_rules(rules):
        rule = description.rule
        types = format_event_types(description.event_types)
        kind = description.kind.replace("_", " ")
        attack = ", ".join(rule.attack)
        values = (rule.name, color_severity(rule.level), kind, types, attack, len(rule.tests))
        table.add_row(*to_cells(values))
    print_table(table)
