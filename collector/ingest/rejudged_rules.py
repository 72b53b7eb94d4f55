"""Which rules judge which events again, where the directory says something else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.detect import RuleSet
from collector.detect.correlation_sql import list_leaves, strip_group_mark
from collector.evaluation.correlation import PreviousMatches
from collector.evaluation.directory_changes import (
    EntryChange,
    ValueKey,
    compute_changed_span,
    list_condition_keys,
    list_shown_keys,
)
from collector.evaluation.temp_tables import TempTables
from collector.model import Baseline, Correlation, Rule
from collector.normalize import DERIVED_EVENT_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class RejudgedRules:
    """Rules that judge the events again which some changes are about.

    Attributes:
        rules: the rules, and by their names those that they look at.
        changes: at least one.
        uids: the only events that they look at; None for all.
    """

    rules: Sequence[Rule]
    rules_by_name: Mapping[str, Rule]
    changes: Sequence[EntryChange]
    uids: frozenset[str] | None = None

    @property
    def names(self) -> frozenset[str]:
        """The names of the rules."""
        return frozenset(rule.name for rule in self.rules)

    def list_types(self, logged_types: Collection[str]) -> tuple[str, ...]:
        """The event types that they look at, of those that were logged or derive from them."""
        derived = (
            name
            for name, kind in DERIVED_EVENT_TYPES.items()
            if not set(kind.source_types).isdisjoint(logged_types)
        )
        present = (*logged_types, *derived)
        looked_at = [self._list_rule_types(rule) for rule in self.rules]
        return tuple(
            name
            for name in present
            if any(
                name in types if types else name not in DERIVED_EVENT_TYPES
                for of_rule in looked_at
                for types in of_rule
            )
        )

    def create_uids_table(self, tables: TempTables) -> str:
        """A table with the events (`event_uid`); empty text where all are looked at."""
        if self.uids is None:
            return ""
        return tables.create_table("SELECT unnest($1::VARCHAR[]) AS event_uid", [sorted(self.uids)])

    def _list_rule_types(self, rule: Rule) -> list[tuple[str, ...]]:
        """The types of the rule or of each below it; an empty tuple means all that are logged."""
        if not isinstance(rule.aggregation, Correlation):
            return [rule.event_types]
        return [
            self.rules_by_name[name].event_types for name in list_leaves(rule, self.rules_by_name)
        ]


def choose_rules(
    rules: RuleSet, changes: Sequence[EntryChange], previous_matches: PreviousMatches
) -> Iterator[RejudgedRules]:
    """The rules that changes concern, in two parts.

    Where a change may decide whether an event is matched, every event is looked at. Where it is
    about what is shown of a match, or how grave it is, those are that have matched.
    """
    alerting = [rule for rule in rules.rules if rule.raises_alert]
    changed = frozenset[ValueKey]().union(*(change.value_keys for change in changes))
    shown = {rule.name: list_shown_keys(rule, rules.by_name) & changed for rule in alerting}
    deciding = {rule.name: list_condition_keys(rule, rules.by_name) & changed for rule in alerting}
    asking = [rule for rule in alerting if deciding[rule.name]]
    others = [rule for rule in alerting if shown[rule.name] and not deciding[rule.name]]
    told_changes = _select_changes(changes, others, shown)
    uids_by_rule = _read_matched_uids(others, told_changes, previous_matches)
    # What a baseline matches is a window, not an event.
    asking += [rule for rule in others if _is_window_rule(rule) and uids_by_rule.get(rule.name)]
    telling = [rule for rule in others if not _is_window_rule(rule) and uids_by_rule.get(rule.name)]
    if asking:
        yield RejudgedRules(
            rules=asking,
            rules_by_name=rules.by_name,
            changes=_select_changes(changes, asking, shown),
        )
    if telling:
        yield RejudgedRules(
            rules=telling,
            rules_by_name=rules.by_name,
            changes=_select_changes(changes, telling, shown),
            uids=frozenset[str]().union(*(uids_by_rule[rule.name] for rule in telling)),
        )


def _is_window_rule(rule: Rule) -> bool:
    return isinstance(rule.aggregation, Baseline)


def _select_changes(
    changes: Sequence[EntryChange],
    rules: Sequence[Rule],
    keys_by_rule: Mapping[str, frozenset[ValueKey]],
) -> list[EntryChange]:
    """Those of the changes that are about a value which one of the rules reads."""
    keys = frozenset[ValueKey]().union(*(keys_by_rule[rule.name] for rule in rules))
    return [change for change in changes if not keys.isdisjoint(change.value_keys)]


def _read_matched_uids(
    rules: Sequence[Rule], changes: Sequence[EntryChange], previous_matches: PreviousMatches
) -> dict[str, frozenset[str]]:
    """By rule, the events that it has matched in the time of the changes."""
    if not changes:
        return {}
    span = compute_changed_span(changes)
    return {
        rule.name: frozenset(map(strip_group_mark, previous_matches(rule.name, span)))
        for rule in rules
    }
