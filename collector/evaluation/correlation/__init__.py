"""Runs correlations over the windows that a batch touches, in event time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from collector.clock import duration_to_micros
from collector.detect import RuleSet, correlation_sql
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.detect.member_sql import is_remembering
from collector.evaluation.batch_scan import BatchScan
from collector.evaluation.correlation.event_shortage import lacks_events, read_event_counts
from collector.evaluation.correlation.leaf_events import LeafEvents
from collector.evaluation.correlation.matches import FiringEvents, build_matches
from collector.evaluation.correlation.past_windows import PastWindows, has_events
from collector.evaluation.correlation.shared_events import SharedEvents, read_shared_events
from collector.evaluation.correlation.touched_groups import has_independent_groups, select_groups
from collector.evaluation.correlation.touched_windows import (
    TouchedWindow,
    read_time_limits,
    touch_window,
    widen_span,
)
from collector.evaluation.event_views import TimeSpan
from collector.evaluation.remembered_matches import RememberedMatches, join_near_spans
from collector.evaluation.result import EvaluationResult
from collector.evaluation.temp_tables import TempTables, open_temp_tables
from collector.model import Correlation, Rule, Severity, Withdrawal

PreviousMatches: TypeAlias = Callable[[str, TimeSpan], Mapping[str, tuple[Severity, float]]]
"""By uid, the severity and weight of what a rule has matched in a span of event time."""


class CorrelationEvaluator:
    """The correlations of a rule set.

    Attributes:
        failures: the correlations that could not be run, with the reason; the others went on.
    """

    def __init__(self, rules: RuleSet) -> None:
        self.failures: dict[str, str] = {}
        self._rules = rules
        self._leaves_by_rule = {
            rule.name: correlation_sql.list_leaves(rule, rules.by_name)
            for rule in rules.rules
            if isinstance(rule.aggregation, Correlation) and rule.raises_alert
        }
        self._remembering_leaves = {
            name: [leaf for leaf in leaves if is_remembering(rules.by_name[leaf])]
            for name, leaves in self._leaves_by_rule.items()
        }

    def evaluate_batch(
        self,
        scan: BatchScan,
        remembered: RememberedMatches,
        previous_matches: PreviousMatches,
        names: Collection[str] | None = None,
    ) -> EvaluationResult:
        """The result of the correlations for the windows that the batch's events lie in.

        `scan` has its events, `remembered` what rules that compare with the past match after it.
        Of events that are judged again all matches of the windows are in it, since they may say
        something else. `names` are the only correlations to evaluate; None for all.
        """
        chosen = [name for name in self._leaves_by_rule if names is None or name in names]
        result = EvaluationResult()
        if not chosen:
            return result
        events = remembered.events
        self._propagate_failures({**remembered.failures, **scan.failures})
        with open_temp_tables(events.connection) as tables:
            touched = [
                window
                for name in chosen
                for window in self._try_find_windows(name, scan, remembered, tables)
            ]
            shared = read_shared_events(events, [window.leaf_events for window in touched], tables)
            for window in touched:
                result = result.merge_with(self._try_window(window, shared, previous_matches))
        return result

    def evaluate_archive(
        self,
        name: str,
        span: TimeSpan,
        remembered: RememberedMatches,
        previous_matches: PreviousMatches,
    ) -> EvaluationResult:
        """The result of one correlation for all events of a span."""
        with open_temp_tables(remembered.events.connection) as tables:
            leaf_events = self._build_leaf_events(name, span, remembered, tables)
            window = TouchedWindow(leaf_events=leaf_events, scope=span)
            return self._try_window(window, SharedEvents(), previous_matches)

    def judge_past_windows(
        self,
        name: str,
        since: datetime,
        remembered: RememberedMatches,
        previous_matches: PreviousMatches,
    ) -> EvaluationResult:
        """The result of a correlation that waits, for windows that are past now and were not since.

        Its horizon in `remembered` says what is past now.
        """
        rule = self._rules.by_name[name]
        past = PastWindows(rule=rule, since=since, until=remembered.horizons[name].until)
        with open_temp_tables(remembered.events.connection) as tables:
            events = self._build_leaf_events(
                name, past.find_first_events(self._rules.by_name), remembered, tables
            )
            try:
                if not has_events(events, past.list_leaves(self._rules.by_name)):
                    return EvaluationResult()
            except EVALUATION_ERRORS as error:
                self.failures[name] = describe_error(error)
                return EvaluationResult()
            reach = correlation_sql.compute_reach(rule, self._rules.by_name)
            span = widen_span(past.scope, 2 * reach)
            window = TouchedWindow(
                leaf_events=self._build_leaf_events(name, span, remembered, tables),
                scope=past.scope,
                touched=past.beginnings,
            )
            return self._try_window(window, SharedEvents(), previous_matches)

    def _propagate_failures(self, failures: Mapping[str, str]) -> None:
        """A correlation fails with any of the rules that it looks at."""
        for leaf, reason in failures.items():
            message = f"its rule {leaf}: {reason}"
            self.failures |= {
                name: message for name, leaves in self._leaves_by_rule.items() if leaf in leaves
            }

    def _try_find_windows(
        self,
        name: str,
        scan: BatchScan,
        remembered: RememberedMatches,
        tables: TempTables,
    ) -> list[TouchedWindow]:
        """What a correlation has to look at again; nothing where the batch has nothing for it."""
        try:
            return list(self._find_windows(name, scan, remembered, tables))
        except EVALUATION_ERRORS as error:
            self.failures[name] = describe_error(error)
            return []

    def _find_windows(
        self,
        name: str,
        scan: BatchScan,
        remembered: RememberedMatches,
        tables: TempTables,
    ) -> Iterator[TouchedWindow]:
        rule = self._rules.by_name[name]
        groups_table, spans = None, []
        remembering = self._remembering_leaves[name]
        leaves = [leaf for leaf in self._leaves_by_rule[name] if leaf not in remembering]
        if looked_at := scan.list_selected(leaves):
            groups_table = tables.create_table(
                select_groups(rule, self._rules.by_name, leaves, looked_at)
            )
            spans = read_time_limits(remembered.events.connection, groups_table)
        reach = correlation_sql.compute_reach(rule, self._rules.by_name)
        for leaf in remembering:
            spans += ((time, time) for time in remembered.list_changed_times(leaf))
        # What is lost may have been in any group; of what only comes, the groups are known. Events
        # that are judged again may leave theirs.
        is_independent = (
            remembered.events.rejudged is None
            and has_independent_groups(rule, self._rules.by_name)
            and not any(each.is_lost for each in looked_at)
        )
        for span in join_near_spans(spans, 4 * duration_to_micros(reach)):
            leaf_events = self._build_leaf_events(
                name, widen_span(span, 2 * reach), remembered, tables
            )
            chosen = replace(leaf_events, groups_table=groups_table if is_independent else None)
            yield touch_window(chosen, span)

    def _build_leaf_events(
        self, name: str, span: TimeSpan, remembered: RememberedMatches, tables: TempTables
    ) -> LeafEvents:
        """The events of a span that a correlation looks at, of every group."""
        rule = self._rules.by_name[name]
        return LeafEvents(
            rules=self._rules,
            rule=rule,
            events=remembered.events,
            span=span,
            groups_table=None,
            members={
                leaf: remembered.create_table(leaf, span, tables)
                for leaf in self._remembering_leaves[name]
            },
            horizon=remembered.horizons.get(name),
        )

    def _try_window(
        self, window: TouchedWindow, shared: SharedEvents, previous_matches: PreviousMatches
    ) -> EvaluationResult:
        leaf_events = window.leaf_events
        try:
            with open_temp_tables(leaf_events.events.connection) as tables:
                events = shared.share_with(leaf_events)
                return self._evaluate_window(window.read_from(events), previous_matches, tables)
        except EVALUATION_ERRORS as error:
            self.failures[leaf_events.rule.name] = describe_error(error)
            return EvaluationResult()

    def _evaluate_window(
        self,
        window: TouchedWindow,
        previous_matches: PreviousMatches,
        tables: TempTables,
    ) -> EvaluationResult:
        """The result for the scope, computed from the events of the span around it."""
        leaf_events = window.leaf_events
        rule, events = leaf_events.rule, leaf_events.events
        leaves = {
            leaf: tables.create_table(leaf_events.select_leaf(leaf))
            for leaf in self._leaves_by_rule[rule.name]
        }
        previous = previous_matches(rule.name, window.scope)
        counts = read_event_counts(events.connection, leaves)
        if lacks_events(rule, self._rules.by_name, counts):
            return EvaluationResult(
                withdrawals=()
                if leaf_events.groups_table
                else _build_withdrawals(events.org, rule, previous)
            )
        members = correlation_sql.select_firing_events(
            rule,
            self._rules.by_name,
            lambda leaf, _: f"SELECT * FROM {leaves[leaf]}",
            known_until=leaf_events.render_known_until(),
        )
        firing = FiringEvents(
            rules=self._rules,
            rule=rule,
            table=tables.create_table(members),
            scope=window.scope,
            span=leaf_events.span,
            touched=window.touched,
            horizon=leaf_events.horizon,
        )
        weights = firing.read_weights(events.connection)
        touched_uids = firing.list_touched_uids(events.connection)
        changed_uids = [
            uid
            for uid, weight in weights.items()
            if uid in touched_uids or previous.get(uid) != weight or events.rejudged is not None
        ]
        return EvaluationResult(
            matches=list(build_matches(firing, events, changed_uids)) if changed_uids else [],
            # Restricted to groups are monotonic correlations that lose no event, and so no match.
            withdrawals=()
            if leaf_events.groups_table
            else _build_withdrawals(events.org, rule, previous.keys() - weights.keys()),
        )


def _build_withdrawals(org: str, rule: Rule, uids: Iterable[str]) -> tuple[Withdrawal, ...]:
    event_uids = tuple(sorted(uids))
    return (Withdrawal(org=org, rule=rule.name, event_uids=event_uids),) if event_uids else ()
