"""Rules about single events, over the derived records that a batch changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import duckdb

from collector import normalize
from collector.detect import RuleSet
from collector.detect.evaluation_errors import describe_error
from collector.evaluation.correlation import PreviousMatches
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.result import EvaluationResult
from collector.evaluation.rule_matcher import RuleMatcher
from collector.model import Match, Withdrawal

_REASON = "With the records that came late, this event is another one, or none of its own."


class DerivedRecordEvaluator:
    """The rules of a set about single events, where they are about derived ones.

    Attributes:
        failures: the rules that could not be run, with the reason; the others went on.
    """

    def __init__(self, rules: RuleSet) -> None:
        # A rule about every type looks at each event once: as it was logged, not as derived.
        self._rules = replace(rules, rules=tuple(rule for rule in rules.rules if rule.event_types))
        self._matcher = RuleMatcher(self._rules)
        self.failures = self._matcher.failures

    def evaluate_batch(
        self, events: EventViews, span: TimeSpan, previous_matches: PreviousMatches
    ) -> EvaluationResult:
        """What the rules find in the records that the batch changes, and what they do not any more.

        `span` holds the times of all that the batch brings.
        """
        result = EvaluationResult()
        for event_type in events.list_batch_types():
            if event_type == events.event_type or not self._rules.select_by_type(event_type):
                continue
            try:
                result = result.merge_with(
                    self._evaluate_type(events, event_type, span, previous_matches)
                )
            except duckdb.Error as error:
                # What a batch brings is stored whatever becomes of the records made of it.
                self._blame_rules(event_type, error)
        return result

    def _evaluate_type(
        self,
        events: EventViews,
        event_type: str,
        span: TimeSpan,
        previous_matches: PreviousMatches,
    ) -> EvaluationResult:
        relation = events.select_batch_events(event_type, span, ())
        if relation is None:
            return EvaluationResult()
        matches = list(
            self._matcher.find_matches(
                events.connection,
                relation=relation,
                columns=events.list_columns(relation),
                event_type=event_type,
                org=events.org,
                directory=events.directory,
            )
        )
        withdrawals = self._withdraw_matches(events, event_type, span, matches, previous_matches)
        return EvaluationResult(matches=matches, withdrawals=list(withdrawals))

    def _withdraw_matches(
        self,
        events: EventViews,
        event_type: str,
        span: TimeSpan,
        matches: Collection[Match],
        previous_matches: PreviousMatches,
    ) -> Iterator[Withdrawal]:
        """What the rules have matched of the records as they were before, and do not match now."""
        replaced = events.select_replaced_events(event_type, span, ())
        if replaced is None:
            return
        reach = normalize.DERIVED_EVENT_TYPES[event_type].max_event_distance
        uids_by_rule: dict[str, set[str]] = {}
        for match in matches:
            uids_by_rule.setdefault(match.rule, set()).add(match.event_uid)
        for rule in self._rules.select_by_type(event_type):
            if rule.name in self.failures:
                continue
            previous = previous_matches(rule.name, (span[0] - reach, span[1] + reach))
            doubtful = previous.keys() - uids_by_rule.get(rule.name, set())
            gone = _select_uids(events.connection, replaced, doubtful)
            if gone:
                yield Withdrawal(
                    org=events.org, rule=rule.name, event_uids=tuple(gone), reason=_REASON
                )

    def _blame_rules(self, event_type: str, error: duckdb.Error) -> None:
        """Record the rules about a derived type as failed."""
        reason = f"{event_type} cannot be made: {describe_error(error)}"
        for rule in self._rules.select_by_type(event_type):
            self.failures[rule.name] = reason


def _select_uids(
    connection: duckdb.DuckDBPyConnection, relation: str, uids: Collection[str]
) -> list[str]:
    """Those of the uids that events of a FROM item have, in order."""
    if not uids:
        return []
    rows = connection.execute(
        f"SELECT DISTINCT event_uid FROM {relation} WHERE event_uid IN (SELECT unnest($uids))"
        " ORDER BY event_uid",
        {"uids": sorted(uids)},
    ).fetchall()
    return [uid for (uid,) in rows]
