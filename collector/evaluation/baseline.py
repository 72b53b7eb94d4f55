"""Baselines over a batch: which windows of which groups are far above the group's own past."""

from __future__ import annotations

from collections.abc import Sequence

from collector.clock import duration_to_micros
from collector.detect import RuleSet, baseline_sql
from collector.evaluation.baseline_history import (
    ArchiveHistory,
    StoredHistory,
    WindowReplacement,
    WindowUpdate,
)
from collector.evaluation.baseline_matches import build_matches
from collector.evaluation.baseline_scoring import WindowChanges, score_windows
from collector.evaluation.baseline_windows import (
    TouchedWindows,
    find_touched_windows,
    measure_archive,
    measure_windows,
)
from collector.evaluation.event_views import EventViews
from collector.evaluation.result import EvaluationResult
from collector.evaluation.rule_selection import RuleSelection
from collector.evaluation.stateful_rules import StatefulRules
from collector.evaluation.temp_tables import TempTables, open_temp_tables
from collector.model import ArchiveFile, Baseline, Withdrawal
from collector.store import rule_fingerprints
from collector.store.baseline_memory import BaselineWindow, BaselineWindowKey
from collector.store.database import Database


class BaselineEvaluator:
    """The baselines of a rule set.

    Attributes:
        failures: the rules that could not be run, with the reason; the others went on.
    """

    def __init__(self, database: Database, rules: RuleSet) -> None:
        self._database = database
        self._stateful_rules = StatefulRules(
            database,
            rules,
            over=Baseline,
            kind=rule_fingerprints.BASELINE_KIND,
        )
        self.failures = self._stateful_rules.failures

    def evaluate_batch(self, events: EventViews, files: Sequence[ArchiveFile]) -> EvaluationResult:
        """What the rules say now of the windows that a batch's new files have events of.

        Windows whose past these are, are judged again.
        """
        return self._stateful_rules.evaluate_batch(events, files, self._evaluate_rule)

    def _evaluate_rule(
        self, selection: RuleSelection, relearn_fingerprint: str | None
    ) -> EvaluationResult:
        with open_temp_tables(selection.events.connection) as made:
            windows = find_touched_windows(selection, made)
            if relearn_fingerprint is None:
                return self._evaluate_remembered(selection, windows, made)
            return _evaluate_relearned(selection, windows, made, relearn_fingerprint)

    def _evaluate_remembered(
        self, selection: RuleSelection, windows: TouchedWindows, tables: TempTables
    ) -> EvaluationResult:
        """With what is remembered of the past."""
        if not windows.window_keys:
            return EvaluationResult()
        org, name = selection.events.org, selection.rule.name
        with self._database.read() as connection:
            stored = StoredHistory(connection=connection, org=org, rule=name)
            before = _read_previous(selection, windows, stored)
            change = WindowChanges(
                before=before,
                touched_keys=windows.window_keys,
                measured_windows=measure_windows(selection, windows),
            )
            verdicts = score_windows(baseline_sql.as_baseline(selection.rule), change, stored)
        gone = tuple(
            sorted(
                baseline_sql.compute_window_uid(selection.rule, *place)
                for place in verdicts.withdrawn_keys
            )
        )
        return EvaluationResult(
            matches=build_matches(selection, verdicts, windows, tables),
            withdrawals=[Withdrawal(org=org, rule=name, event_uids=gone)] if gone else [],
            state_changes=[WindowUpdate(org=org, rule=name, before=before, after=verdicts.windows)],
        )


def _evaluate_relearned(
    selection: RuleSelection, windows: TouchedWindows, tables: TempTables, fingerprint: str
) -> EvaluationResult:
    """With a memory made of the whole archive; what is told are windows of the batch."""
    whole = measure_archive(selection)
    own = {place: whole[place] for place in windows.window_keys if place in whole}
    change = WindowChanges(before=own, touched_keys=windows.window_keys, measured_windows=own)
    verdicts = score_windows(
        baseline_sql.as_baseline(selection.rule), change, ArchiveHistory(whole, windows.group_keys)
    )
    memory = WindowReplacement(
        org=selection.events.org,
        rule=selection.rule.name,
        fingerprint=fingerprint,
        windows={**whole, **verdicts.windows},
    )
    return EvaluationResult(
        matches=build_matches(selection, verdicts, windows, tables), state_changes=[memory]
    )


def _read_previous(
    selection: RuleSelection, windows: TouchedWindows, stored: StoredHistory
) -> dict[BaselineWindowKey, BaselineWindow]:
    """The touched windows, and the later ones of their groups whose past they are."""
    first: dict[str, int] = {}
    for key, start in windows.window_keys:
        first[key] = min(start, first.get(key, start))
    last = max(start for _, start in windows.window_keys)
    history = duration_to_micros(baseline_sql.as_baseline(selection.rule).history)
    found = stored.read_windows(first, min(first.values()), last + history)
    return {place: each for place, each in found.items() if place[1] >= first[place[0]]}
