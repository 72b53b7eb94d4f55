"""What the commands about rules share: the rules of PATHS, and words for what they look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from collector.app.wiring import EVENT_SCHEMA, find_shipped_folder
from collector.detect import RuleSet, lists, load_rule_set
from collector.model import Baseline, Correlation, FirstSeen, Rule

EVENT_TYPE_LIMIT = 4
"""So many event types of a rule are listed; a rule may see all of them."""

paths_argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))


def load_rule_files(paths: Sequence[Path]) -> RuleSet:
    """The rules of PATHS, or the shipped ones, with the shipped lists and those of PATHS.

    Raises RulesError with all that is wrong.
    """
    known = lists.load_lists([find_shipped_folder("rules"), *paths])
    return load_rule_set(
        list(paths) or [find_shipped_folder("rules")], schema=EVENT_SCHEMA, lists=known
    )


def classify_rule(rule: Rule) -> str:
    """What kind of rule it is: `event`, `first_seen`, `baseline`, or a type of correlation."""
    match rule.aggregation:
        case Correlation(type=name):
            return name
        case FirstSeen():
            return "first_seen"
        case Baseline():
            return "baseline"
    return "event"


def format_event_types(event_types: Sequence[str]) -> str:
    """The first of many event types, and how many there are beside."""
    listed = ", ".join(event_types[:EVENT_TYPE_LIMIT]) or "every type"
    more = len(event_types) - EVENT_TYPE_LIMIT
    return f"{listed} and {more} more" if more > 0 else listed
