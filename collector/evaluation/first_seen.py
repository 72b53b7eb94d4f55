"""First-seen rules over a batch: which events are the first of their key.

The result does not depend on the order in which events came, but for how far the history went back
at the time, which decides whether a rule was still learning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.clock import duration_to_micros, to_micros
from collector.detect import RuleSet, first_seen_sql
from collector.detect.first_seen_sql import EventRun
from collector.detect.selected_events import RuleRelation
from collector.escaping import quote_literal
from collector.evaluation import first_seen_runs, key_members
from collector.evaluation.batch_scan import BatchScan
from collector.evaluation.event_views import EventViews, TimeSpan
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
    """New runs by the uid of their first event.

    Each with its key before it, and after it the time of the event before it.
    """

    history_start: datetime
    runs_by_uid: Mapping[str, Sequence[tuple[str, EventRun, int | None]]]


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

    def evaluate_batch(
        self, events: EventViews, files: Sequence[ArchiveFile], scan: BatchScan
    ) -> EvaluationResult:
        """The result for the keys that a batch's new files have events of."""
        return self._stateful_rules.evaluate_batch(events, files, scan, self._evaluate_rule)

    def rejudge_events(
        self, events: EventViews, span: TimeSpan, scan: BatchScan, names: Collection[str]
    ) -> EvaluationResult:
        """The result of these rules for events that are judged again."""
        return self._stateful_rules.rejudge_events(events, span, scan, names, self._evaluate_rule)

    def _evaluate_rule(
        self, selection: RuleSelection, relearn_fingerprint: str | None
    ) -> EvaluationResult:
        batch_runs = first_seen_runs.read_batch_runs(selection)
        if relearn_fingerprint is None:
            return self._evaluate_remembered(selection, batch_runs)
        return self._evaluate_relearned(selection, batch_runs, relearn_fingerprint)

    def _evaluate_relearned(
        self, selection: RuleSelection, batch_runs: BatchRuns, fingerprint: str
    ) -> EvaluationResult:
        """Relearn the rule from the whole archive; only events of the batch match."""
        rows = [
            first_seen_sql.select_key_events(part) for part in selection.list_relations(ALL_TIME)
        ]
        archive_runs = first_seen_runs.read_runs(selection, rows)
        touched_runs = {key: archive_runs.get(key, []) for key in batch_runs.runs}
        org, rule = selection.events.org, selection.rule.name
        return EvaluationResult(
            matches=self._build_matches(
                selection, batch_runs, RunDiff(before=touched_runs, after=touched_runs)
            ),
            state_changes=[
                RunReplacement(org=org, rule=rule, fingerprint=fingerprint, runs=archive_runs)
            ],
        )

    def _evaluate_remembered(
        self, selection: RuleSelection, batch_runs: BatchRuns
    ) -> EvaluationResult:
        """Compare the batch with the stored runs."""
        if not batch_runs.touched_keys:
            return EvaluationResult()
        org, rule = selection.events.org, selection.rule.name
        with self._database.read() as connection:
            before = first_seen_runs.load_runs(connection, org, rule, batch_runs.touched_keys)
        diff = first_seen_runs.compute_run_diff(selection, before, batch_runs)
        lost_uids = tuple(diff.list_lost_uids(key_members.choose_match_namer(selection)))
        return EvaluationResult(
            matches=self._build_matches(selection, batch_runs, diff),
            withdrawals=[Withdrawal(org=org, rule=rule, event_uids=lost_uids)] if lost_uids else [],
            state_changes=[RunUpdate(org=org, rule=rule, diff=diff)],
        )

    def _build_matches(
        self, selection: RuleSelection, batch_runs: BatchRuns, run_diff: RunDiff
    ) -> list[Match]:
        history_start = self._find_history_start(selection)
        learnt_at = to_micros(history_start) + duration_to_micros(
            first_seen_sql.as_first_seen(selection.rule).learn
        )
        fresh_uids = batch_runs.first_uids
        runs_by_uid: dict[str, list[tuple[str, EventRun, int | None]]] = {}
        for key, run, last in run_diff.list_new_runs(fresh_uids):
            if run.start >= learnt_at:
                runs_by_uid.setdefault(run.uid, []).append((key, run, last))
        if not runs_by_uid:
            return []
        new_runs = _NewRuns(history_start=history_start, runs_by_uid=runs_by_uid)
        matches = list(
            self._match_first_events(
                selection,
                new_runs,
                selection.list_batch_relations(),
                runs_by_uid.keys() & fresh_uids,
            )
        )
        if earlier_uids := runs_by_uid.keys() - fresh_uids:
            times = [
                micros_to_time(run.start) for uid in earlier_uids for _, run, _ in runs_by_uid[uid]
            ]
            parts = selection.list_relations((min(times), max(times)))
            matches += self._match_first_events(selection, new_runs, parts, earlier_uids)
        return matches

    def _match_first_events(
        self,
        selection: RuleSelection,
        new_runs: _NewRuns,
        parts: Iterable[RuleRelation],
        uids: Collection[str],
    ) -> Iterator[Match]:
        """The events with these uids as matches of the rule, with their history as context."""
        connection = selection.events.connection
        name_match = key_members.choose_match_namer(selection)
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
                directory=selection.events.directory,
            ):
                for key, _, last in new_runs.runs_by_uid[match.event_uid]:
                    context = _build_context(part.rule, match, new_runs.history_start, key, last)
                    yield replace(
                        match,
                        event_uid=name_match(key, match.event_uid),
                        context=(context, *match.context),
                    )
            self.failures.update(matcher.failures)

    def _find_history_start(self, selection: RuleSelection) -> datetime:
        """When the history of the rule's event types begins, the batch's events among them."""
        with self._database.read() as connection:
            first = ledger.find_earliest_event_time(
                connection, org=selection.events.org, event_types=selection.list_source_types()
            )
        if selection.events.rejudged is not None:
            return first or ALL_TIME[1]
        return min(first or ALL_TIME[1], selection.span[0])


def _restrict_to_uids(rule: Rule, uids: Collection[str]) -> Rule:
    """The rule over these events alone, as if it were about single ones."""
    literals = ", ".join(map(quote_literal, sorted(uids)))
    predicate = f"(event_uid IN ({literals}) AND {rule.predicate})"
    return replace(rule, aggregation=None, event_types=(), predicate=predicate)


def _build_context(
    rule: Rule, match: Match, history_start: datetime, key: str, last: int | None
) -> dict[str, object]:
    first_seen = first_seen_sql.as_first_seen(rule)
    return {
        "kind": "first_seen",
        "key": key_members.find_key_values(first_seen.key, match.event, key),
        "since": history_start.isoformat(),
        "last_seen": None if last is None else micros_to_time(last).isoformat(),
        "learn_days": duration_to_days(first_seen.learn),
        "forget_days": duration_to_days(first_seen.forget),
    }
