"""The events that one rule selects of an org: what a batch brings, what it replaces, and all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector import normalize
from collector.clock import from_micros, to_micros
from collector.detect import RuleSet
from collector.detect.past.selected import Part
from collector.model import ArchiveFile, Rule
from collector.pipeline.events import Events, Span

EVER: Span = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
"""Whatever time events say that they are of."""

_FIXED = ("event_uid", "event_type", "time", "received")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The events that a rule selects.

    Attributes:
        rules, rule: the rule set, and the rule.
        events: the org's, with those of the batch at work.
        span: the times of all that the batch brings.
    """

    rules: RuleSet
    rule: Rule
    events: Events
    span: Span

    def is_touched(self) -> bool:
        """Whether the batch brings events of a type that the rule looks at."""
        return any(True for _ in self._types_brought())

    def brought(self) -> Iterator[Part]:
        """What the batch brings, and derived records that it changes, as they are now."""
        for event_type in self._types_brought():
            rule = self.variant(event_type)
            relation = self.events.brought(event_type, self.span, _needs(rule))
            if relation is not None:
                yield Part(rule=rule, relation=relation)

    def replaced(self) -> Iterator[Part]:
        """The derived records that the batch changes, as they were before it."""
        for event_type in self._types_brought():
            rule = self.variant(event_type)
            relation = self.events.replaced(event_type, self.span, _needs(rule))
            if relation is not None:
                yield Part(rule=rule, relation=relation)

    def within(self, span: Span) -> Iterator[Part]:
        """All events of a span, those of the batch among them."""
        for event_type in self.rule.event_types or self.events.stored_types():
            rule = self.variant(event_type)
            relation = self.events.of(event_type, span, _needs(rule))
            if relation is not None:
                yield Part(rule=rule, relation=relation)

    def sources(self) -> list[str]:
        """The stored types that its events are made of; none where it looks at every type."""
        return list(
            dict.fromkeys(
                source for event_type in self.rule.event_types for source in _sources(event_type)
            )
        )

    def variant(self, event_type: str) -> Rule:
        """The rule as it is compiled for a type."""
        return self.rules.variants.get((self.rule.name, event_type), self.rule)

    def _types_brought(self) -> Iterator[str]:
        for event_type in self.events.types_brought():
            # A rule about every type looks at what was logged, not at what is made of it.
            if event_type in (self.rule.event_types or (self.events.event_type,)):
                yield event_type


def fingerprint(rules: RuleSet, rule: Rule) -> str:
    """What is different for every rule that would remember something else."""
    variants = {
        event_type: each for (name, event_type), each in rules.variants.items() if name == rule.name
    }
    forms = [
        (event_type, each.predicate, repr(each.over))
        for event_type, each in sorted({**variants, "": rule}.items())
    ]
    text = json.dumps([sorted(rule.event_types), forms])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def span_of(files: Iterable[ArchiveFile]) -> Span:
    """The times of all events in these files, of which there must be one."""
    spans = [(file.first, file.last) for file in files]
    return min(first for first, _ in spans), max(last for _, last in spans)


def moment(micros: int) -> datetime:
    """A time that came from an event, as near as Python can say it."""
    first, last = map(to_micros, EVER)
    return from_micros(max(first, min(last, micros)))


def days(duration: timedelta) -> float:
    """A duration as people are told of it."""
    whole = duration / timedelta(days=1)
    return int(whole) if whole == int(whole) else whole


def _needs(rule: Rule) -> list[str]:
    return sorted({*rule.fields, *_FIXED})


def _sources(event_type: str) -> tuple[str, ...]:
    derived = normalize.DERIVED.get(event_type)
    return derived.sources if derived else (event_type,)
