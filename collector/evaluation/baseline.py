"""Baselines over a batch: the windows of groups that are far above their past or their peers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from collector.clock import duration_to_micros
from collector.detect import RuleSet, baseline_sql
from collector.evaluation.baseline_history import (
    ArchiveHistory,
    StoredHistory,
    WindowReplacement,
    WindowUpdate,
)
from collector.evaluation.baseline_matches import build_matches
from collector.evaluation.baseline_scoring import ScoredWindows, WindowChanges, score_windows
from collector.evaluation.baseline_windows import (
    TouchedWindows,
    find_touched_windows,
    measure_archive,
    measure_windows,
)
from collector.evaluation.batch_scan import BatchScan
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.peer_groups import add_firing_groups
from collector.evaluation.peer_history import ArchivePeers, StoredPeers
from collector.evaluation.peer_scoring import (
    add_compared_windows,
    read_compared_windows,
    score_peers,
)
from collector.evaluation.result import EvaluationResult
from collector.evaluation.rule_selection import RuleSelection
from collector.evaluation.stateful_rules import StatefulRules
from collector.evaluation.temp_tables import TempTables, open_temp_tables
from collector.model import ArchiveFile, Baseline, Match, Withdrawal
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

    def evaluate_batch(
        self, events: EventViews, files: Sequence[ArchiveFile], scan: BatchScan
    ) -> EvaluationResult:
        """The result for the windows with events of a batch's new files, and for later ones.

        Those are the windows of the same groups that have one of these in their past. Of baselines
        with peers they are the same windows of these.
        """
        return self._stateful_rules.evaluate_batch(events, files, scan, self._evaluate_rule)

    def rejudge_events(
        self, events: EventViews, span: TimeSpan, scan: BatchScan, names: Collection[str]
    ) -> EvaluationResult:
        """The result of these rules for events that are judged again."""
        return self._stateful_rules.rejudge_events(events, span, scan, names, self._evaluate_rule)

    def _evaluate_rule(
        self, selection: RuleSelection, relearn_fingerprint: str | None
    ) -> EvaluationResult:
        with open_temp_tables(selection.events.connection) as tables:
            windows = find_touched_windows(selection, tables)
            if relearn_fingerprint is None:
                return self._evaluate_remembered(selection, windows, tables)
            return _evaluate_relearned(selection, windows, tables, relearn_fingerprint)

    def _evaluate_remembered(
        self, selection: RuleSelection, windows: TouchedWindows, tables: TempTables
    ) -> EvaluationResult:
        """Score the touched windows against the stored ones."""
        if not windows.window_keys:
            return EvaluationResult()
        org, name = selection.events.org, selection.rule.name
        with self._database.read() as connection:
            change, scored = _score_remembered(selection, windows, connection)
        rule = selection.rule
        uids = sorted(baseline_sql.compute_window_uid(rule, *key) for key in scored.withdrawn_keys)
        withdrawal = Withdrawal(org=org, rule=name, event_uids=tuple(uids))
        return EvaluationResult(
            matches=_build_matches(selection, scored, windows, tables),
            withdrawals=[withdrawal] if uids else [],
            state_changes=[
                WindowUpdate(org=org, rule=name, before=change.before, after=scored.windows)
            ],
        )


def _evaluate_relearned(
    selection: RuleSelection, windows: TouchedWindows, tables: TempTables, fingerprint: str
) -> EvaluationResult:
    """Relearn the rule from the whole archive; only windows of the batch raise matches."""
    measured = measure_archive(selection)
    touched = {key: measured[key] for key in windows.window_keys if key in measured}
    change = WindowChanges(
        before=touched, touched_keys=windows.window_keys, measured_windows=touched
    )
    scored = _score_archive(selection, change, measured)
    replacement = WindowReplacement(
        org=selection.events.org,
        rule=selection.rule.name,
        fingerprint=fingerprint,
        windows={**measured, **scored.windows},
    )
    return EvaluationResult(
        matches=_build_matches(selection, scored, windows, tables), state_changes=[replacement]
    )


def _score_remembered(
    selection: RuleSelection, windows: TouchedWindows, connection: sa.Connection
) -> tuple[WindowChanges, ScoredWindows]:
    """The windows that the batch makes a difference to, before it and scored."""
    baseline = baseline_sql.as_baseline(selection.rule)
    of_rule = {"org": selection.events.org, "rule": selection.rule.name}
    stored = StoredHistory(connection=connection, **of_rule)
    change = WindowChanges(
        before=_read_previous(selection, windows, stored),
        touched_keys=windows.window_keys,
        measured_windows=measure_windows(selection, windows),
    )
    if not baseline.peers:
        return change, score_windows(baseline, change, stored)
    peers = StoredPeers(connection=connection, **of_rule)
    compared = read_compared_windows(baseline, change, peers)
    change = add_compared_windows(change, compared)
    return change, score_peers(baseline, change, compared, peers)


def _score_archive(
    selection: RuleSelection,
    change: WindowChanges,
    measured: Mapping[BaselineWindowKey, BaselineWindow],
) -> ScoredWindows:
    """The windows of the batch, scored by all that the archive has."""
    baseline = baseline_sql.as_baseline(selection.rule)
    if not baseline.peers:
        past = ArchiveHistory(measured, {key for key, _ in change.touched_keys})
        return score_windows(baseline, change, past)
    peers = ArchivePeers(windows=measured)
    compared = read_compared_windows(baseline, change, peers)
    return score_peers(baseline, change, compared, peers)


def _build_matches(
    selection: RuleSelection, scored: ScoredWindows, windows: TouchedWindows, tables: TempTables
) -> list[Match]:
    groups = add_firing_groups(selection, scored, windows, tables)
    return build_matches(selection, scored, groups, tables)


def _read_previous(
    selection: RuleSelection, windows: TouchedWindows, stored: StoredHistory
) -> dict[BaselineWindowKey, BaselineWindow]:
    """The touched windows, and the later ones of their groups whose past they are."""
    baseline = baseline_sql.as_baseline(selection.rule)
    first_starts: dict[str, int] = {}
    for key, start in windows.window_keys:
        first_starts[key] = min(start, first_starts.get(key, start))
    last_start = max(start for _, start in windows.window_keys)
    history = 0 if baseline.peers else duration_to_micros(baseline.history)
    stored_windows = stored.read_windows(
        first_starts, min(first_starts.values()), last_start + history
    )
    return {
        window_key: window
        for window_key, window in stored_windows.items()
        if window_key in windows.window_keys
        or (not baseline.peers and window_key[1] >= first_starts[window_key[0]])
    }
