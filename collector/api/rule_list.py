"""The rules: what kind each is, what it looks at and what that needs of an org."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from collector.api.json_values import JsonObject, to_json_object
from collector.detect import RuleSet
from collector.model import Baseline, Correlation, FirstSeen, Rule
from collector.rules.coverage import list_rule_needs, list_rule_types
from collector.sources.spec import TypeRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDescription:
    """A rule, and what follows from it.

    Attributes:
        kind: `event`, `first_seen`, `baseline`, or a type of correlation.
        event_types: what it looks at, a correlation through its parts; empty for every type.
        needs: what it takes to read each of them.
    """

    rule: Rule
    kind: str
    event_types: Sequence[str]
    needs: Sequence[TypeRequirement]


def describe_rules(rules: RuleSet) -> Iterator[RuleDescription]:
    """Each rule of a set, in its order."""
    for rule in rules.rules:
        yield RuleDescription(
            rule=rule,
            kind=classify_rule(rule),
            event_types=list_rule_types(rule, rules),
            needs=list_rule_needs(rule, rules),
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


def to_json(description: RuleDescription) -> JsonObject:
    """A rule as scripts read it."""
    rule = description.rule
    return to_json_object(
        {
            "name": rule.name,
            "id": rule.id,
            "level": rule.level,
            "kind": description.kind,
            "alert": rule.raises_alert,
            "event_types": description.event_types,
            "lists": sorted(rule.lists),
            "attack": rule.attack,
            "needs": [asdict(need) for need in description.needs],
            "tests": len(rule.tests),
            "path": rule.path,
        }
    )
