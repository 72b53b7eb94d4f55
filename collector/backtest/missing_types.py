"""The event types whose absence keeps a rule from matching."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from collector.detect import RuleSet
from collector.model import Correlation, Rule


def list_missing_types(rule: Rule, rules: RuleSet, types: AbstractSet[str]) -> tuple[str, ...]:
    """The event types that the rule cannot match without, and of which there is no event.

    None where there are events that it looks at.
    """
    if not isinstance(rule.aggregation, Correlation):
        return rule.event_types if types.isdisjoint(rule.event_types) else ()
    missing_by_rule = [
        list_missing_types(rules.by_name[name], rules, types) for name in rule.aggregation.present
    ]
    missing = [names for names in missing_by_rule if names]
    # Temporal correlations ask for every rule that is to be there, the others for events of any.
    needs_all = rule.aggregation.type.startswith("temporal")
    if not missing or (len(missing) < len(missing_by_rule) and not needs_all):
        return ()
    return tuple(dict.fromkeys(name for names in missing for name in names))
