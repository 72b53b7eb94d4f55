"""The rule sets that were compiled last, for whoever loads the same files again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from collector.detect.event_schema import EventSchema
from collector.detect.lists import ValueLists
from collector.detect.ruleset import RuleSet
from collector.detect.tuning.tuned_library import TunedLibrary

KEPT = 4
"""A process has one or two: those of its configuration, and those of files that somebody named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSources:
    """All that a rule set is a function of: documents with what tunes them, lists, the schema."""

    tuned: TunedLibrary
    lists: ValueLists
    schema: EventSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class _CompiledRules:
    """A rule set, and what it was compiled from; of an org's files, what was asked of them."""

    sources: RuleSources
    found_fields: Mapping[str, frozenset[str]]
    rules: RuleSet

    def is_of(self, sources: RuleSources) -> bool:
        """Whether these sources would be compiled to the same."""
        find_fields = sources.schema.list_found_fields
        return self.sources == sources and all(
            find_fields(event_type) == fields for event_type, fields in self.found_fields.items()
        )


class RecentRuleSets:
    """Rule sets by what they were compiled from. They are immutable, so that many may share one."""

    def __init__(self) -> None:
        self._compiled: deque[_CompiledRules] = deque(maxlen=KEPT)

    def compile(
        self, sources: RuleSources, compile_rules: Callable[[RuleSources], RuleSet]
    ) -> RuleSet:
        """The rule set of the same sources, if it is one of the last; else it is compiled."""
        for known in tuple(self._compiled):
            if known.is_of(sources):
                return known.rules
        found_fields: dict[str, frozenset[str]] = {}

        def overhear(event_type: str) -> frozenset[str]:
            found_fields[event_type] = sources.schema.list_found_fields(event_type)
            return found_fields[event_type]

        schema = replace(sources.schema, list_found_fields=overhear)
        rules = compile_rules(replace(sources, schema=schema))
        known = _CompiledRules(sources=sources, found_fields=found_fields, rules=rules)
        self._compiled.append(known)
        return rules
