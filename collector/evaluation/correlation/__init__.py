"""Runs correlations over the windows that a batch touches, in event time, whatever came when."""

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
        """What the correlations say now of the windows that the batch's events lie in.

        `span` holds the times of all that the batch brings.
        """
        judged = EvaluationResult()
        if not self._leaves_by_rule:
            return judged
        with open_temp_tables(events.connection) as made:
            brought = self._batch_scan.scan_batch(events, span, made)
            self._propagate_failures()
            for name, leaves in self._leaves_by_rule.items():
                if any(not each.leaves.isdisjoint(leaves) for each in brought):
                    judged = judged.merge_with(
                        self._try_rule(name, events, brought, previous_matches)
                    )
        return judged

    def evaluate_archive(
        self, name: str, events: EventViews, span: TimeSpan, previous_matches: PreviousMatches
    ) -> EvaluationResult:
        """What one correlation says of all events of a span."""
        rule = self._rules.by_name[name]
        try:
            with open_temp_tables(events.connection) as made:
                return self._evaluate_window(
                    rule,
                    events,
                    (span, span),
                    groups=None,
                    previous_matches=previous_matches,
                    tables=made,
                )
        except EVALUATION_ERRORS as error:
            self.failures[name] = describe_error(error)
            return EvaluationResult()

    def _propagate_failures(self) -> None:
        """A correlation fails with any of the rules that it looks at."""
        for leaf, why in self._batch_scan.failures.items():
            told = f"its rule {leaf}: {why}"
            self.failures |= {
                name: told for name, below in self._leaves_by_rule.items() if leaf in below
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
            with open_temp_tables(events.connection) as made:
                touched = made.create_table(self._batch_scan.select_groups(rule, scanned))
                span = _read_time_span(events.connection, touched)
                if span is None:
                    return EvaluationResult()
                # An event changes windows that end up to a reach after it; what lies in these, up
                # to a reach before it; and to judge all of that, one reach more on either side.
                reach = correlation_sql.compute_reach(rule, self._rules.by_name)
                spans = _widen_span(span, reach), _widen_span(span, 2 * reach)
                groups = touched if self._batch_scan.has_independent_groups(rule) else None
                return self._evaluate_window(
                    rule,
                    events,
                    spans,
                    groups=groups,
                    previous_matches=previous_matches,
                    tables=made,
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
        """What holds in the first span, seen with the events of the second."""
        scope, span = spans
        wanted = LeafEvents(
            rules=self._rules, rule=rule, events=events, span=span, groups_table=groups
        )
        leaves = {
            leaf: tables.create_table(wanted.select_leaf(leaf))
            for leaf in self._leaves_by_rule[rule.name]
        }
        members = correlation_sql.select_firing_events(
            rule, self._rules.by_name, lambda leaf, _: f"SELECT * FROM {leaves[leaf]}"
        )
        found = FiringEvents(
            rules=self._rules, rule=rule, table=tables.create_table(members), scope=scope, span=span
        )
        before, held = previous_matches(rule.name, scope), found.read_weights(events.connection)
        fresh = [uid for uid, weight in held.items() if before.get(uid) != weight]
        return EvaluationResult(
            matches=list(build_matches(found, events, fresh)) if fresh else [],
            # Of groups that were not looked at nothing is said; but there nothing ever ceases.
            withdrawals=()
            if groups
            else _build_withdrawals(events.org, rule, before.keys() - held.keys()),
        )


def _read_time_span(connection: duckdb.DuckDBPyConnection, table: str) -> TimeSpan | None:
    row = connection.execute(f"SELECT min(time), max(time) FROM {table}").fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def _widen_span(span: TimeSpan, by: timedelta) -> TimeSpan:
    return span[0] - by, span[1] + by


def _build_withdrawals(org: str, rule: Rule, uids: Iterable[str]) -> tuple[Withdrawal, ...]:
    gone = tuple(sorted(uids))
    return (Withdrawal(org=org, rule=rule.name, event_uids=gone),) if gone else ()
