"""Rules of one kind that remember the past: which a batch concerns, and which must relearn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from collector.detect import RuleSet
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.evaluation.batch_scan import BatchScan
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.result import EvaluationResult
from collector.evaluation.rule_selection import (
    RuleSelection,
    compute_fingerprint,
    compute_time_span,
)
from collector.model import ArchiveFile, Baseline, FirstSeen, Rule
from collector.store import rule_fingerprints, rule_memory
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReset:
    """Deletes what a rule remembers of an org, so that it relearns."""

    org: str
    rule: str
    kind: str

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        rule_memory.forget_rule(connection, org=self.org, kind=self.kind, rule=self.rule)


EvaluateRule = Callable[[RuleSelection, str | None], EvaluationResult]
"""Evaluates one rule over a batch, given the fingerprint to relearn it with, or None where what it
remembers is of its present form."""


class StatefulRules:
    """The rules of a set with one kind of aggregation.

    Attributes:
        failures: the rules that could not be run, with the reason; the others went on.
    """

    def __init__(
        self,
        database: Database,
        rules: RuleSet,
        *,
        over: type[FirstSeen | Baseline],
        kind: str,
    ) -> None:
        self.failures: dict[str, str] = {}
        self._database = database
        self._rule_set = rules
        self._kind = kind
        self._rules_by_name = {
            rule.name: (rule, compute_fingerprint(rules, rule))
            for rule in rules.rules
            if isinstance(rule.aggregation, over) and rules.is_asked(rule)
        }

    def evaluate_batch(
        self,
        events: EventViews,
        files: Sequence[ArchiveFile],
        scan: BatchScan,
        evaluate_rule: EvaluateRule,
    ) -> EvaluationResult:
        """The result of the rules for a batch's new files; removed rules are forgotten.

        `scan` has what the batch brings for them.
        """
        if not files:
            return EvaluationResult()
        stored = self._read_fingerprints(events)
        removed = stored.keys() - self._rules_by_name.keys()
        result = EvaluationResult(
            state_changes=[self._build_reset(events, name) for name in sorted(removed)]
        )
        span = compute_time_span(files)
        for rule, fingerprint in self._rules_by_name.values():
            selection = self._build_selection(rule, events, span, scan)
            if not selection.has_batch_events():
                continue
            is_learnt = stored.get(rule.name) == fingerprint
            if scan.has_news_for(rule.name) or not is_learnt:
                relearn_as = None if is_learnt else fingerprint
                result = result.merge_with(self._try_rule(selection, relearn_as, evaluate_rule))
        return result

    def rejudge_events(
        self,
        events: EventViews,
        span: TimeSpan,
        scan: BatchScan,
        names: Collection[str],
        evaluate_rule: EvaluateRule,
    ) -> EvaluationResult:
        """The result of these rules for events that are judged again.

        A rule that has not learned yet in its present form will learn by the directory as it is.
        """
        stored = self._read_fingerprints(events)
        result = EvaluationResult()
        for name in names:
            rule, fingerprint = self._rules_by_name.get(name, (None, ""))
            if rule is None or stored.get(name) != fingerprint or not scan.has_news_for(name):
                continue
            selection = self._build_selection(rule, events, span, scan)
            result = result.merge_with(self._try_rule(selection, None, evaluate_rule))
        return result

    def _read_fingerprints(self, events: EventViews) -> Mapping[str, str]:
        with self._database.read() as connection:
            return rule_fingerprints.read_fingerprints(connection, org=events.org, kind=self._kind)

    def _build_selection(
        self, rule: Rule, events: EventViews, span: TimeSpan, scan: BatchScan
    ) -> RuleSelection:
        return RuleSelection(rules=self._rule_set, rule=rule, events=events, span=span, scan=scan)

    def _try_rule(
        self, selection: RuleSelection, relearn_fingerprint: str | None, evaluate_rule: EvaluateRule
    ) -> EvaluationResult:
        """The result of a rule; one that fails is forgotten, since its memory misses the batch."""
        name = selection.rule.name
        failure = selection.scan.failures.get(name)
        if failure is None:
            try:
                result = evaluate_rule(selection, relearn_fingerprint)
            except EVALUATION_ERRORS as error:
                failure = describe_error(error)
        if failure is not None:
            self.failures[name] = failure
            return EvaluationResult(state_changes=[self._build_reset(selection.events, name)])
        if selection.rule.raises_alert:
            return result
        return EvaluationResult(state_changes=result.state_changes)  # of which correlations speak

    def _build_reset(self, events: EventViews, rule: str) -> MemoryReset:
        return MemoryReset(org=events.org, rule=rule, kind=self._kind)
