"""Rules that are there for others only: those that are off, and borrowed ones."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from collector.detect.ruleset import RuleSet
from collector.model import Correlation, Rule


def switch_rules(rules: RuleSet) -> RuleSet:
    """The rules without those that are off and that no correlation which is on looks at.

    What a correlation which is on looks at raises no alert by itself where it is off.
    """
    off_names = {rule.name for rule in rules.rules if not rules.find_adjustment(rule.name).is_on}
    if not off_names:
        return rules
    needed: set[str] = set()
    for rule in reversed(rules.rules):  # what a correlation looks at stands before it
        is_at_work = rule.name not in off_names or rule.name in needed
        if is_at_work and isinstance(rule.aggregation, Correlation):
            needed.update(rule.aggregation.rules)

    silent = _silence_rules(rules, off_names)
    return replace(
        silent,
        rules=tuple(
            rule for rule in silent.rules if rule.name not in off_names or rule.name in needed
        ),
        off_rules=tuple(rule for rule in rules.rules if rule.name in off_names),
    )


def borrow_rules(rules: RuleSet, borrowed: AbstractSet[str], filtered: AbstractSet[str]) -> RuleSet:
    """The rules, with the names of those that are borrowed.

    These raise no alert, but for those of them that filters of the others change: `filtered`.
    """
    silent = _silence_rules(rules, borrowed - filtered)
    return replace(silent, borrowed=frozenset(borrowed))


def _silence_rules(rules: RuleSet, names: AbstractSet[str]) -> RuleSet:
    def silence_rule(rule: Rule) -> Rule:
        return replace(rule, raises_alert=False) if rule.name in names else rule

    return replace(
        rules,
        rules=tuple(map(silence_rule, rules.rules)),
        variants={key: silence_rule(variant) for key, variant in rules.variants.items()},
    )
