"""First-seen rules over a batch: which events are the first of their kind, and which were not.

The verdict on an event does not depend on the order in which events came, but for one thing: how
far the history went back at the time, which decides whether a rule was still learning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.clock import duration_to_micros, to_micros
from collector.detect import RuleSet, first_seen_sql
from collector.detect.first_seen_sql import EventRun
from collector.detect.selected_events import RuleRelation
from collector.escaping import quote_literal
from collector.evaluation import first_seen_runs
from collector.evaluation.event_views import EventViews
from collector.evaluation.first_seen_runs import BatchRuns, RunDiff, RunReplacement, RunUpdate
from collector.evaluation.result import EvaluationResult
from collector.evaluation.rule_matcher import RuleMatcher
from collector.evaluation.rule_selection import (
    ALL_TIME,
    RuleSelection,
    duration_to_days,
    micros_to_time,
)
from collector.evaluation.stateful_rules import StatefulRules
from collector.model import ArchiveFile, FirstSeen, Match, Rule, Withdrawal
from collector.store import ledger, rule_fingerprints
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewRuns:
    """Runs to tell of, by the uid of their first event; each with the last event before it."""

    history_start: datetime
    runs_by_uid: dict[str, tuple[EventRun, int | None]]


class FirstSeenEvaluator:
    """The first-seen rules of a rule set.

    Attributes:
        failures: the rules that could not be run, with the reason; the others went on.
    """

    def __init__(self, database: Database, rules: RuleSet) -> None:
        self._database = database
        self._rule_set = rules
        self._stateful_rules = StatefulRules(
            database,
            rules,
            over=FirstSeen,
            kind=rule_fingerprints.FIRST_SEEN_KIND,
        )
        self.failures = self._stateful_rules.failures

    def evaluate_batch(self, events: EventViews, files: Sequence[ArchiveFile]) -> EvaluationResult:
        """What the rules say now of the keys that a batch's new files have events of."""
        return self._stateful_rules.evaluate_batch(events, files, self._evaluate_rule)

    def _evaluate_rule(
        self, selection: RuleSelection, relearn_fingerprint: str | None
    ) -> EvaluationResult:
        brought = first_seen_runs.read_batch_runs(selection)
        if relearn_fingerprint is None:
            return self._evaluate_remembered(selection, brought)
        return self._evaluate_relearned(selection, brought, relearn_fingerprint)

    def _evaluate_relearned(
        self, selection: RuleSelection, batch_runs: BatchRuns, fingerprint: str
    ) -> EvaluationResult:
        """With a memory made of the whole archive; what is told are events of the batch."""
        rows = [
            first_seen_sql.select_key_events(part) for part in selection.list_relations(ALL_TIME)
        ]
        whole = first_seen_runs.read_runs(selection, rows)
        touched = {key: whole.get(key, []) for key in batch_runs.runs}
        org, rule = selection.events.org, selection.rule.name
        return EvaluationResult(
            matches=self._build_matches(
                selection, batch_runs, RunDiff(before=touched, after=touched)
            ),
            state_changes=[RunReplacement(org=org, rule=rule, fingerprint=fingerprint, runs=whole)],
        )

    def _evaluate_remembered(
        self, selection: RuleSelection, batch_runs: BatchRuns
    ) -> EvaluationResult:
        """With what is remembered."""
        if not batch_runs.touched_keys:
            return EvaluationResult()
        org, rule = selection.events.org, selection.rule.name
        with self._database.read() as connection:
            before = first_seen_runs.load_runs(connection, org, rule, batch_runs.touched_keys)
        turned = first_seen_runs.compute_run_diff(selection, before, batch_runs)
        gone = tuple(turned.list_lost_uids())
        return EvaluationResult(
            matches=self._build_matches(selection, batch_runs, turned),
            withdrawals=[Withdrawal(org=org, rule=rule, event_uids=gone)] if gone else [],
            state_changes=[RunUpdate(org=org, rule=rule, diff=turned)],
        )

    def _build_matches(
        self, selection: RuleSelection, batch_runs: BatchRuns, run_diff: RunDiff
    ) -> list[Match]:
        since = self._find_history_start(selection)
        learnt = to_micros(since) + duration_to_micros(
            first_seen_sql.as_first_seen(selection.rule).learn
        )
        fresh = batch_runs.first_uids
        news = {
            run.uid: (run, last)
            for run, last in run_diff.list_new_runs(fresh)
            if run.start >= learnt
        }
        if not news:
            return []
        found = _NewRuns(history_start=since, runs_by_uid=news)
        matches = list(
            self._match_first_events(
                selection, found, selection.list_batch_relations(), news.keys() & fresh
            )
        )
        if earlier := news.keys() - fresh:
            times = [micros_to_time(news[uid][0].start) for uid in earlier]
            parts = selection.list_relations((min(times), max(times)))
            matches += self._match_first_events(selection, found, parts, earlier)
        return matches

    def _match_first_events(
        self,
        selection: RuleSelection,
        new_runs: _NewRuns,
        parts: Iterable[RuleRelation],
        uids: Collection[str],
    ) -> Iterator[Match]:
        """The events with these uids as matches of the rule, with what they were seen against."""
        connection = selection.events.connection
        for part in parts if uids else ():
            matcher = RuleMatcher(
                replace(self._rule_set, rules=(_restrict_to_uids(part.rule, uids),), variants={})
            )
            for match in matcher.find_matches(
                connection,
                relation=part.relation,
                columns=selection.events.list_columns(part.relation),
                event_type="",
                org=selection.events.org,
            ):
                yield replace(
                    match, context=(_build_context(part.rule, match, new_runs), *match.context)
                )
            self.failures.update(matcher.failures)

    def _find_history_start(self, selection: RuleSelection) -> datetime:
        """When the history of the rule's event types begins, the batch's events among them."""
        with self._database.read() as connection:
            first = ledger.find_earliest_event_time(
                connection, org=selection.events.org, event_types=selection.list_source_types()
            )
        return min(first or ALL_TIME[1], selection.span[0])


def _restrict_to_uids(rule: Rule, uids: Collection[str]) -> Rule:
    """The rule over these events alone, as if it were about single ones."""
    wanted = ", ".join(map(quote_literal, sorted(uids)))
    predicate = f"(event_uid IN ({wanted}) AND {rule.predicate})"
    return replace(rule, aggregation=None, event_types=(), predicate=predicate)


def _build_context(rule: Rule, match: Match, new_runs: _NewRuns) -> dict[str, object]:
    over = first_seen_sql.as_first_seen(rule)
    _, last = new_runs.runs_by_uid[match.event_uid]
    return {
        "kind": "first_seen",
        "key": {name: str(match.event.get(name, "")) for name in over.key},
        "since": new_runs.history_start.isoformat(),
        "last_seen": None if last is None else micros_to_time(last).isoformat(),
        "learn_days": duration_to_days(over.learn),
        "forget_days": duration_to_days(over.forget),
    }
