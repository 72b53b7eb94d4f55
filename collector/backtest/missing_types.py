"""Why a rule could not tell anything: there is no event of the types that it looks at."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from collector.detect import RuleSet
from collector.model import Correlation, Rule


def list_missing_types(rule: Rule, rules: RuleSet, types: AbstractSet[str]) -> tuple[str, ...]:
    """The event types without which the rule tells nothing, and of which there is no event.

    None where there are events that it looks at.
    """
    if not isinstance(rule.aggregation, Correlation):
        return rule.event_types if types.isdisjoint(rule.event_types) else ()
    below = [
        list_missing_types(rules.by_name[name], rules, types) for name in rule.aggregation.rules
    ]
    blind = [names for names in below if names]
    # Temporal correlations ask for every rule, the others for events of any.
    if not blind or (len(blind) < len(below) and not rule.aggregation.type.startswith("temporal")):
        return ()
    return tuple(dict.fromkeys(name for names in blind for name in names))
