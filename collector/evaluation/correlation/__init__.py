"""Runs correlations over the windows that a batch touches, in event time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

import duckdb

from collector.detect import RuleSet, correlation_sql
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.evaluation.correlation.batch_scan import BatchScan, ScannedEvents
from collector.evaluation.correlation.leaf_events import LeafEvents
from collector.evaluation.correlation.matches import FiringEvents, build_matches
from collector.evaluation.event_views import EventViews, TimeSpan
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
        self._batch_scan = BatchScan(rules=rules, leaves_by_rule=self._leaves_by_rule)

    def evaluate_batch(
        self, events: EventViews, span: TimeSpan, previous_matches: PreviousMatches
    ) -> EvaluationResult:
        """The result of the correlations for the windows that the batch's events lie in.

        `span` holds the times of all that the batch brings.
        """
        result = EvaluationResult()
        if not self._leaves_by_rule:
            return result
        with open_temp_tables(events.connection) as tables:
            scanned = self._batch_scan.scan_batch(events, span, tables)
            self._propagate_failures()
            for name, leaves in self._leaves_by_rule.items():
                if any(not events_of_type.leaves.isdisjoint(leaves) for events_of_type in scanned):
                    result = result.merge_with(
                        self._try_rule(name, events, scanned, previous_matches)
                    )
        return result

    def evaluate_archive(
        self, name: str, events: EventViews, span: TimeSpan, previous_matches: PreviousMatches
    ) -> EvaluationResult:
        """The result of one correlation for all events of a span."""
        rule = self._rules.by_name[name]
        try:
            with open_temp_tables(events.connection) as tables:
                return self._evaluate_window(
                    rule,
                    events,
                    (span, span),
                    groups=None,
                    previous_matches=previous_matches,
                    tables=tables,
                )
        except EVALUATION_ERRORS as error:
            self.failures[name] = describe_error(error)
            return EvaluationResult()

    def _propagate_failures(self) -> None:
        """A correlation fails with any of the rules that it looks at."""
        for leaf, reason in self._batch_scan.failures.items():
            message = f"its rule {leaf}: {reason}"
            self.failures |= {
                name: message for name, leaves in self._leaves_by_rule.items() if leaf in leaves
            }
        self._batch_scan.failures.clear()

    def _try_rule(
        self,
        name: str,
        events: EventViews,
        scanned: Sequence[ScannedEvents],
        previous_matches: PreviousMatches,
    ) -> EvaluationResult:
        rule = self._rules.by_name[name]
        try:
            with open_temp_tables(events.connection) as tables:
                groups_table = tables.create_table(self._batch_scan.select_groups(rule, scanned))
                span = _read_time_span(events.connection, groups_table)
                if span is None:
                    return EvaluationResult()
                # An event changes windows that end up to a reach after it, whose events lie up to a
                # reach before it; evaluating all of these takes one reach more on either side.
                reach = correlation_sql.compute_reach(rule, self._rules.by_name)
                spans = _widen_span(span, reach), _widen_span(span, 2 * reach)
                groups = groups_table if self._batch_scan.has_independent_groups(rule) else None
                return self._evaluate_window(
                    rule,
                    events,
                    spans,
                    groups=groups,
                    previous_matches=previous_matches,
                    tables=tables,
                )
        except EVALUATION_ERRORS as error:
            self.failures[name] = describe_error(error)
            return EvaluationResult()

    def _evaluate_window(
        self,
        rule: Rule,
        events: EventViews,
        spans: tuple[TimeSpan, TimeSpan],
        *,
        groups: str | None,
        previous_matches: PreviousMatches,
        tables: TempTables,
    ) -> EvaluationResult:
        """The result for the first span, computed from the events of the second."""
        scope, span = spans
        leaf_events = LeafEvents(
            rules=self._rules, rule=rule, events=events, span=span, groups_table=groups
        )
        leaves = {
            leaf: tables.create_table(leaf_events.select_leaf(leaf))
            for leaf in self._leaves_by_rule[rule.name]
        }
        members = correlation_sql.select_firing_events(
            rule, self._rules.by_name, lambda leaf, _: f"SELECT * FROM {leaves[leaf]}"
        )
        firing = FiringEvents(
            rules=self._rules, rule=rule, table=tables.create_table(members), scope=scope, span=span
        )
        previous = previous_matches(rule.name, scope)
        weights = firing.read_weights(events.connection)
        changed_uids = [uid for uid, weight in weights.items() if previous.get(uid) != weight]
        return EvaluationResult(
            matches=list(build_matches(firing, events, changed_uids)) if changed_uids else [],
            # Only monotonic correlations are restricted to groups, and those never lose a match.
            withdrawals=()
            if groups
            else _build_withdrawals(events.org, rule, previous.keys() - weights.keys()),
        )


def _read_time_span(connection: duckdb.DuckDBPyConnection, table: str) -> TimeSpan | None:
    row = connection.execute(f"SELECT min(time), max(time) FROM {table}").fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def _widen_span(span: TimeSpan, by: timedelta) -> TimeSpan:
    return span[0] - by, span[1] + by


def _build_withdrawals(org: str, rule: Rule, uids: Iterable[str]) -> tuple[Withdrawal, ...]:
    event_uids = tuple(sorted(uids))
    return (Withdrawal(org=org, rule=rule.name, event_uids=event_uids),) if event_uids else ()
