"""Rules that can be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import NO_LISTS, ValueLists
from collector.detect.tuning.adjustment import AS_WRITTEN, RuleAdjustment
from collector.errors import Problem
from collector.model import Correlation, Rule
from collector.model.rules import COPY_MARK

CompileAgain = Callable[[AbstractSet[str], ValueLists], "RuleSet"]


def _refuse_compiling(names: AbstractSet[str], _: ValueLists) -> RuleSet:
    raise LookupError(f"these rules were not loaded from files: {', '.join(sorted(names))}")


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
        silencers: by the name of a rule without an alert of its own, the correlations that took it
            away; not of rules that say so themselves.
        lists: the value lists that the rules were compiled with.
        filter_warnings: where filters do nothing.
        adjustments: by rule name, what the configuration makes of it.
        tuning_warnings: what in the configuration makes nothing of any rule.
        tuning_problems: what is wrong in it and was left out, where it was loaded nevertheless.
        off_rules: rules that are off, as they were if they were on; those of them that a
            correlation looks at are among `rules`, too, and raise no alert.
        borrowed: the names of rules that are there for others, and that nobody asked for.
        compile_again: makes the rules of these names from the same files, with other lists.
        by_name: every rule by its name.
        correlation_inputs: the names of the rules that correlations look at.
    """

    rules: tuple[Rule, ...]
    variants: Mapping[tuple[str, str], Rule] = field(default_factory=dict)
    documents: Mapping[str, YamlDocument] = field(default_factory=dict)
    silencers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lists: ValueLists = NO_LISTS
    filter_warnings: tuple[Problem, ...] = ()
    adjustments: Mapping[str, RuleAdjustment] = field(default_factory=dict)
    tuning_warnings: tuple[Problem, ...] = ()
    tuning_problems: tuple[Problem, ...] = ()
    off_rules: tuple[Rule, ...] = ()
    borrowed: frozenset[str] = frozenset()
    compile_again: CompileAgain = field(default=_refuse_compiling, compare=False, repr=False)
    by_name: Mapping[str, Rule] = field(init=False, compare=False, repr=False)
    correlation_inputs: frozenset[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {rule.name: rule for rule in self.rules})
        inputs = (name for rule in self.correlations for name in rule.correlated_rules)
        object.__setattr__(self, "correlation_inputs", frozenset(inputs))

    def is_asked(self, rule: Rule) -> bool:
        """Whether anybody is told what a rule matches: people, or a correlation."""
        return rule.raises_alert or rule.name in self.correlation_inputs

    def list_related_names(self, name: str) -> frozenset[str]:
        """A rule, the correlations above it, and all that it and these look at."""
        names = {name}
        for rule in self.correlations:  # each after all that it looks at
            if not names.isdisjoint(rule.correlated_rules):
                names.add(rule.name)
        for rule in reversed(self.correlations):
            names |= {*rule.correlated_rules} if rule.name in names else set()
        return frozenset(names)

    def select_names(self, names: AbstractSet[str]) -> RuleSet:
        """The rules of these names alone, as they are."""
        return replace(
            self,
            rules=tuple(rule for rule in self.rules if rule.name in names),
            variants={key: rule for key, rule in self.variants.items() if key[0] in names},
        )

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

    def find_adjustment(self, name: str) -> RuleAdjustment:
        """What the configuration makes of the rule of that name."""
        return self.adjustments.get(name, AS_WRITTEN)

    @property
    def known_rules(self) -> tuple[Rule, ...]:
        """Every rule as it is when it is on, those that are off behind the others."""
        off = {rule.name for rule in self.off_rules}
        return (*(rule for rule in self.rules if rule.name not in off), *self.off_rules)

    @property
    def own_rules(self) -> tuple[Rule, ...]:
        """The known rules of the files asked for: none is borrowed, none a copy for a filter."""
        return tuple(
            rule
            for rule in self.known_rules
            if rule.name not in self.borrowed and COPY_MARK not in rule.name
        )

    @property
    def active_rules(self) -> tuple[Rule, ...]:
        """The own rules that are on."""
        return tuple(rule for rule in self.own_rules if self.find_adjustment(rule.name).is_on)

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
