"""What tuning in the configuration has to do with an alert, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from collector.api.alert_evidence import EvidenceEvent
from collector.detect import RuleSet
from collector.detect.explain import Explanation
from collector.detect.tuning.event_conditions import parse_selection_name
from collector.model import Rule
from collector.model.rules import strip_copy_mark


def list_tuning_remarks(
    rules: RuleSet, rule: Rule, evidence: Sequence[EvidenceEvent]
) -> Iterator[str]:
    """Which rules are off or tuned by now, and which events tuning takes away from them."""
    for name in dict.fromkeys(_list_rule_names(rules, rule)):
        adjustment = rules.find_adjustment(name)
        if not adjustment.is_on:
            yield f"{name} tells nobody any more: {adjustment.off_reason}."
        if adjustment.changes:
            changes = "; ".join(map(str, adjustment.changes))
            yield f"{name} is tuned, and is not what its file alone would make of it: {changes}."
    taken = Counter(
        (explanation.rule, origin)
        for item in evidence
        for explanation in item.rule_explanations
        for origin in _list_exclusions(explanation)
    )
    for (name, origin), count in taken.items():
        events = "one of these events" if count == 1 else f"{count} of these events"
        yield f"Tuning takes {events} away from {name}: {origin}."


def _list_rule_names(rules: RuleSet, rule: Rule) -> Iterator[str]:
    """The name of a rule, and those of all that it looks at, copies for filters as their rules."""
    yield strip_copy_mark(rule.name)
    for name in rule.correlated_rules:
        yield from _list_rule_names(rules, rules.by_name[name])


def _list_exclusions(explanation: Explanation) -> Iterator[str]:
    """What of tuning keeps the rule from being about an event, as key and place."""
    for selection in () if explanation.holds else explanation.selections:
        key = parse_selection_name(selection.name)
        if (key, selection.holds) in {("exclude", True), ("only", False)}:
            yield f"{key} at {selection.origin}"
