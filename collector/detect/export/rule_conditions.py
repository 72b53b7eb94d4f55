"""Conditions over the names of rules, as other tools read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.model import Correlation, Rule

_SIGMA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

KNOWN_UNTIL = "SELECT max(epoch_us(time)) FROM events"
"""SQL of the time up to which all is known: a view of events tells no more than its newest one."""


def list_past_comments(rule: Rule) -> Iterator[str]:
    """What is to be known of a statement about something that must not come."""
    if rule.absent_rules:
        yield "windows that end after the newest event of the view are left out: more may come"


def explain_unnamed_rules(correlation: Correlation) -> str:
    """Why Sigma cannot say which rules must not match; empty where it can, or none must not."""
    names = correlation.rules if correlation.absent else ()
    foreign = [name for name in names if not _SIGMA_NAME.fullmatch(name)]
    if not foreign:
        return ""
    return (
        f"its condition names {foreign[0]}, and other tools read only names of letters, digits and"
        " _ there"
    )


def render_rule_condition(correlation: Correlation) -> str:
    """The condition of a correlation over its rules, as text: `a and not b`."""
    absent = [f"not {name}" for name in correlation.absent]
    return " and ".join([*dict.fromkeys(correlation.present), *absent])
