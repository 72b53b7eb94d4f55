"""The events that one rule selects of an org: a batch's, those it replaces, and all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from collector import normalize
from collector.clock import from_micros, to_micros
from collector.detect import RuleSet
from collector.detect.selected_events import RuleRelation
from collector.evaluation.batch_scan import BatchScan, name_flag_column
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.model import Aggregation, ArchiveFile, Rule
from collector.model.event_columns import HEADER_COLUMNS
from collector.model.member_columns import SEPARATORS
from collector.normalize.derived_types import expand_derived_types
from collector.stable_ids import FULL_DIGITS, hash_json

SelectEvents: TypeAlias = Callable[[str, TimeSpan, Sequence[str]], str | None]
"""A method of `EventViews`: a FROM item with a type's events of a span and these columns."""

ALL_TIME: TimeSpan = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
"""A span that holds the time of every event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSelection:
    """The events that a rule selects.

    Attributes:
        rules, rule: the rule set, and the rule.
        events: the org's, with those of the batch at work.
        span: the times of all that the batch brings.
        scan: what the batch has for the rule.
    """

    rules: RuleSet
    rule: Rule
    events: EventViews
    span: TimeSpan
    scan: BatchScan = field(default_factory=BatchScan)

    def has_batch_events(self) -> bool:
        """Whether the batch brings events of a type that the rule looks at."""
        return any(True for _ in self._list_batch_types())

    def list_batch_relations(self) -> Iterator[RuleRelation]:
        """The batch's events, and the derived records that it changes, after it."""
        types = self._list_batch_types()
        return self._select_relations(types, self.events.select_batch_events, self.span)

    def list_scanned_relations(self) -> Iterator[RuleRelation]:
        """Those of them that the rule selects, with the columns that it remembers something of."""
        return self._list_scanned(is_lost=False)

    def list_lost_relations(self) -> Iterator[RuleRelation]:
        """The derived records that the batch changes, as it selected them before."""
        return self._list_scanned(is_lost=True)

    def list_relations(self, span: TimeSpan) -> Iterator[RuleRelation]:
        """All events of a span, those of the batch among them."""
        types = self.rule.event_types or self.events.list_logged_types()
        return self._select_relations(types, self.events.select_events, span)

    def list_whole_relations(self, span: TimeSpan) -> Iterator[RuleRelation]:
        """The same with all fields of the rule: what titles, keys and severities read, too."""
        for event_type in self.rule.event_types or self.events.list_logged_types():
            rule = self.find_variant(event_type)
            needs = sorted({*rule.fields, *HEADER_COLUMNS})
            relation = self.events.select_events(event_type, span, needs)
            if relation is not None:
                yield RuleRelation(rule=rule, relation=relation)

    def list_source_types(self) -> list[str]:
        """The stored types that its events come from; none where it is about every type."""
        return list(expand_derived_types(self.rule.event_types))

    def find_variant(self, event_type: str) -> Rule:
        """The rule as it is compiled for a type."""
        return self.rules.variants.get((self.rule.name, event_type), self.rule)

    def _select_relations(
        self, event_types: Iterable[str], select_events: SelectEvents, span: TimeSpan
    ) -> Iterator[RuleRelation]:
        for event_type in event_types:
            rule = self.find_variant(event_type)
            needs = sorted({*rule.condition_fields, *HEADER_COLUMNS})
            relation = select_events(event_type, span, needs)
            if relation is not None:
                yield RuleRelation(rule=rule, relation=relation)

    def _list_scanned(self, *, is_lost: bool) -> Iterator[RuleRelation]:
        for scanned in self.scan.events:
            if self.rule.name in scanned.rules and scanned.is_lost == is_lost:
                rule = self.find_variant(scanned.event_type)
                flagged = replace(rule, predicate=name_flag_column(rule.name))
                yield RuleRelation(rule=flagged, relation=scanned.table)

    def _list_batch_types(self) -> Iterator[str]:
        for event_type in self.events.list_batch_types():
            # A rule about every type looks at logged events, not at derived ones.
            if (
                event_type in self.rule.event_types
                if self.rule.event_types
                else event_type not in normalize.DERIVED_EVENT_TYPES
            ):
                yield event_type


_UNUSED_LATER_VALUES = (", times_mean=None", ", missing='skip'", ", peers=()")
"""What rules were without when the first of them were remembered: it makes none of them new."""


def compute_fingerprint(rules: RuleSet, rule: Rule) -> str:
    """A digest that differs for rules that would remember something different."""
    variants = {
        event_type: variant
        for (name, event_type), variant in rules.variants.items()
        if name == rule.name
    }
    forms = [
        (
            event_type,
            variant.predicate,
            _describe_aggregation(variant.aggregation),
            *_list_separators(variant),
        )
        for event_type, variant in sorted({**variants, "": rule}.items())
    ]
    return hash_json([sorted(rule.event_types), forms], digits=FULL_DIGITS)


def _describe_aggregation(aggregation: Aggregation | None) -> str:
    """All of its values; of those that came later only what makes a difference."""
    text = repr(aggregation)
    for unused in _UNUSED_LATER_VALUES:
        text = text.replace(unused, "")
    return text


def _list_separators(rule: Rule) -> list[tuple[str, str]]:
    """The columns of the rule that are lists, each with what parts its members."""
    return [(name, SEPARATORS[name]) for name in sorted(rule.fields) if name in SEPARATORS]


def compute_time_span(files: Iterable[ArchiveFile]) -> TimeSpan:
    """The times of all events in these files, of which there must be one."""
    spans = [(file.first_time, file.last_time) for file in files]
    return min(first for first, _ in spans), max(last for _, last in spans)


def micros_to_time(micros: int) -> datetime:
    """The time of an event, clamped to ALL_TIME."""
    first, last = map(to_micros, ALL_TIME)
    return from_micros(max(first, min(last, micros)))


def duration_to_days(duration: timedelta) -> float:
    """A duration in days, whole ones as int."""
    days = duration / timedelta(days=1)
    return int(days) if days == int(days) else days
