"""Rules that can be run."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import NO_LISTS, ValueLists
from collector.model import Correlation, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules that can be run.

    Attributes:
        rules: every rule, each compiled for the first of its event types; what a correlation
            looks at stands before it.
        variants: by rule name and event type, the rule where that type keeps one of its fields in
            another column.
        documents: by rule name, the document with the detection that is run: what filters add to
            it are selections whose names begin with `_filter`.
        lists: the value lists that the rules were compiled with.
        by_name: every rule by its name.
    """

    rules: tuple[Rule, ...]
    variants: Mapping[tuple[str, str], Rule] = field(default_factory=dict)
    documents: Mapping[str, YamlDocument] = field(default_factory=dict)
    lists: ValueLists = NO_LISTS
    by_name: Mapping[str, Rule] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {rule.name: rule for rule in self.rules})

    def select_by_type(self, event_type: str) -> tuple[Rule, ...]:
        """The rules that look at events of that type, compiled for it; never a correlation."""
        return tuple(
            self.variants.get((rule.name, event_type), rule)
            for rule in self.rules
            if not isinstance(rule.aggregation, Correlation)
            and (not rule.event_types or event_type in rule.event_types)
        )

    def find_variant(self, name: str, event_type: str) -> Rule:
        """The rule of that name, compiled for that type."""
        return self.variants.get((name, event_type)) or self.by_name[name]

    @property
    def correlations(self) -> tuple[Rule, ...]:
        """The rules that look at what others match, each after all that it looks at."""
        return tuple(rule for rule in self.rules if isinstance(rule.aggregation, Correlation))

    def find_rules_using_lists(self, lists: AbstractSet[str]) -> list[str]:
        """The names of the rules that look into any of these lists, themselves or by others."""
        found = {rule.name for rule in self.rules if not rule.lists.isdisjoint(lists)}
        for rule in self.correlations:
            if isinstance(rule.aggregation, Correlation) and not found.isdisjoint(
                rule.aggregation.rules
            ):
                found.add(rule.name)
        return [rule.name for rule in self.rules if rule.name in found]

    @property
    def correlation_inputs(self) -> frozenset[str]:
        """The names of the rules that correlations look at."""
        aggregations = (rule.aggregation for rule in self.rules)
        return frozenset(
            name
            for aggregation in aggregations
            if isinstance(aggregation, Correlation)
            for name in aggregation.rules
        )
