"""`--list NAME=VALUE,…` and `--list NAME=@FILE`: value lists for one run of a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.detect import RuleSet
from collector.rules.rule_files import ListSources
from collector.settings.values import is_list_name
from collector.yaml_source.suggestions import suggest_name

_FORM = "write NAME=VALUE,VALUE or NAME=@FILE"


def _parse_lists(_: click.Context, __: click.Parameter, values: Sequence[str]) -> ListSources:
    """The sources by name. Raises click.BadParameter for what is none."""
    found: dict[str, Sequence[str] | Path] = {}
    for value in values:
        name, sign, source = value.partition("=")
        if not sign or not source:
            raise click.BadParameter(f"{value!r}: {_FORM}")
        if not is_list_name(name):
            raise click.BadParameter(f"{name!r} is no name of a list (a-z, 0-9, '_' and '-')")
        if name in found:
            raise click.BadParameter(f"{name!r} stands there twice; {_FORM}")
        found[name] = _read_source(source)
    return found


def refuse_unused_lists(further_lists: ListSources, rules: RuleSet) -> None:
    """Raise click.BadParameter for a list that none of the rules asks for."""
    used = frozenset().union(*(rule.lists for rule in rules.known_rules))
    for name in further_lists:
        if name not in used:
            hint = suggest_name(name, used)
            raise click.BadParameter(
                f"none of these rules asks for a list {name!r}{hint}", param_hint="'--list'"
            )


def _read_source(text: str) -> Sequence[str] | Path:
    if not text.startswith("@"):
        return [each.strip() for each in text.split(",")]
    path = Path(text[1:])
    if not path.is_file():
        raise click.BadParameter(f"there is no file {str(path)!r}")
    return path


lists_option = click.option(
    "--list",
    "further_lists",
    multiple=True,
    metavar="NAME=VALUE,…",
    callback=_parse_lists,
    help="Add entries to a value list, for this run: values, or @FILE.",
)
