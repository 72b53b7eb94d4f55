"""The rules: what kind each is, what it looks at and what that needs of an org."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from collector.api.json_values import JsonObject, to_json_object
from collector.detect import RuleSet
from collector.detect.tuning.adjustment import RuleAdjustment, TuningChange
from collector.model import Baseline, Correlation, FirstSeen, Rule
from collector.rules.coverage import list_rule_needs, list_rule_types
from collector.sources.spec import TypeRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDescription:
    """A rule, and what follows from it.

    Attributes:
        kind: `event`, `first_seen`, `baseline`, or a type of correlation.
        silenced_by: the correlations that took its alert away; none where it alerts, or says itself
            that it does not.
        event_types: what it looks at, a correlation through its parts; empty for every type.
        needs: what it takes to read each of them.
        adjustment: what the configuration makes of it.
    """

    rule: Rule
    kind: str
    silenced_by: Sequence[str]
    event_types: Sequence[str]
    needs: Sequence[TypeRequirement]
    adjustment: RuleAdjustment


def describe_rules(rules: RuleSet) -> Iterator[RuleDescription]:
    """Each rule of a set that is not borrowed, in its order, those that are off last."""
    known = RuleSet(rules=rules.known_rules)
    for rule in rules.own_rules:
        yield RuleDescription(
            rule=rule,
            kind=classify_rule(rule),
            silenced_by=rules.silencers.get(rule.name, ()),
            event_types=list_rule_types(rule, known),
            needs=list_rule_needs(rule, known),
            adjustment=rules.find_adjustment(rule.name),
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
    rule, adjustment = description.rule, description.adjustment
    return to_json_object(
        {
            "name": rule.name,
            "id": rule.id,
            "level": rule.level,
            "kind": description.kind,
            "alert": rule.raises_alert,
            "notify": rule.notified_severity,
            "silenced_by": description.silenced_by,
            "enabled": adjustment.is_on,
            "off": adjustment.off_reason,
            "tuned": [_to_change_json(change) for change in adjustment.changes],
            "parameters": [asdict(parameter) for parameter in adjustment.parameters],
            "event_types": description.event_types,
            "lists": sorted(rule.lists),
            "attack": rule.attack,
            "needs": [asdict(need) for need in description.needs],
            "tests": len(rule.tests),
            "path": rule.path,
        }
    )


def _to_change_json(change: TuningChange) -> dict[str, object]:
    return {
        "key": change.key,
        "value": change.value,
        "by": f"rules.tune.{change.pattern}",
        "path": change.place.path,
        "line": change.place.position.line,
    }
