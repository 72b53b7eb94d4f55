"""Tells what has not come, once it is known that it cannot come any more.

Each rule that waits has a horizon in each org (`store.awaited_absences`): its windows that end by
then are judged with every batch, like those of other rules. When streams were read further, or time
has passed where nothing holds back, the windows that became past are judged by themselves, and the
horizon moves in the transaction that writes what came of them. Whoever dies before that has told
nothing, and begins again. What comes late afterwards is a batch like any other: it takes back what
it proves wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa

from collector import clock
from collector.detect import RuleSet, correlation_sql
from collector.evaluation.awaited_absences import AwaitedAbsences, list_awaiting_rules
from collector.evaluation.result import EvaluationResult
from collector.ingest.ingest_context import ActiveRules, IngestContext
from collector.ingest.stream_progress import find_reading_horizon
from collector.model import Alert, Rule
from collector.normalize.derived_types import expand_derived_types
from collector.settings import SourcesSettings
from collector.sources.spec import Lane
from collector.store import archive_file_rows, awaited_absences
from collector.store.awaited_absences import AbsenceHorizon

FindHorizon = Callable[[sa.Connection, Rule], AbsenceHorizon | None]
"""Says up to when it is known what has not come for a rule; None where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceSettlement:
    """Judges the windows that have become past."""

    context: IngestContext

    def settle_read_streams(self, settings_by_org: Mapping[str, SourcesSettings]) -> list[Alert]:
        """Judge what is past by what was read of these orgs. Returns the alerts enqueued.

        Raises:
            StoppedError: we were asked to end; what was settled stays so, the rest follows later.
        """
        self._forget_other_rules()
        return [
            alert
            for org, settings in settings_by_org.items()
            for alert in self.settle_org(org, self._build_stream_finder(org, settings))
        ]

    def settle_given_events(self, org: str) -> list[Alert]:
        """Judge what is past by the last event of an org, where its events are all there is.

        Returns the alerts enqueued.
        """

        def find_horizon(connection: sa.Connection, _: Rule) -> AbsenceHorizon | None:
            newest = archive_file_rows.find_latest_event_time(connection, org=org)
            return None if newest is None else AbsenceHorizon(until=newest)

        return self.settle_org(org, find_horizon)

    def settle_whole_past(self, org: str) -> list[Alert]:
        """Judge all windows of an org: nothing comes after its events. Returns the alerts."""
        return self.settle_org(org, lambda *_: AbsenceHorizon(until=clock.LATEST_TIME))

    def _forget_other_rules(self) -> None:
        """Forget rules that are no more: one that comes again begins with what there is then."""
        names = {rule.name for rule in list_awaiting_rules(self.context.active_rules.rules)}
        with self.context.database.read() as connection:
            others = awaited_absences.list_rules(connection) - names
        if others:
            with self.context.database.begin() as connection:
                awaited_absences.forget_rules(connection, others)

    def _build_stream_finder(self, org: str, settings: SourcesSettings) -> FindHorizon:
        now = clock.now()
        # Rules that wait for the same ask once; streams are only ever read further.
        found: dict[frozenset[str], AbsenceHorizon] = {}

        def find_horizon(connection: sa.Connection, rule: Rule) -> AbsenceHorizon:
            types = _list_awaited_types(rule, self.context.active_rules.rules)
            if types not in found:
                found[types] = find_reading_horizon(connection, org, types, settings, now=now)
            return found[types]

        return find_horizon

    def settle_org(self, org: str, find_horizon: FindHorizon) -> list[Alert]:
        """Judge what is past in an org by what is said to be known. Returns the alerts enqueued."""
        notified: list[Alert] = []
        for rule in list_awaiting_rules(self.context.active_rules.rules):
            self.context.raise_if_stopped()
            with self.context.state_turns.take_turn(Lane.BULK):
                notified += self._settle_rule(org, rule.name, find_horizon)
        return notified

    def _settle_rule(self, org: str, name: str, find_horizon: FindHorizon) -> list[Alert]:
        """Judge what has become past for a rule."""
        active_rules = self.context.active_rules
        rule = active_rules.rules.by_name.get(name)
        if rule is None:  # the rules were replaced meanwhile
            return []
        absences = AwaitedAbsences(database=self.context.database, rules=active_rules.rules)
        before = absences.read_horizons(org).get(name)
        with self.context.database.read() as connection:
            horizon = find_horizon(connection, rule)
        if before is None or horizon is None:
            return []
        if horizon.until > before.until:
            return self._judge_until(active_rules, org, name, horizon)
        if not before.has_begun:
            with self.context.database.begin() as connection:
                awaited_absences.save_horizon(connection, org, name, horizon)
        return []

    def _judge_until(
        self, active_rules: ActiveRules, org: str, name: str, horizon: AbsenceHorizon
    ) -> list[Alert]:
        """Judge the windows that are past now, and move the horizon; a rule that fails waits."""
        result, failures = self.context.guard.evaluate(
            lambda: self._judge_rule(active_rules, org, name, horizon),
            lambda: self.context.take_failures(active_rules),
        )
        self.context.record_failures(org, failures)
        if failures:
            return []
        with self.context.database.begin() as connection:
            awaited_absences.save_horizon(connection, org, name, horizon)
            return self.context.commit_result(connection, result, active_rules.rules)

    def _judge_rule(
        self, active_rules: ActiveRules, org: str, name: str, horizon: AbsenceHorizon
    ) -> EvaluationResult:
        committed = self.context.committed
        with self.context.cursors.open_cursor() as cursor:
            events = committed.build_event_views(org, cursor).remember_files()
            previous = committed.build_match_lookup(org)
            return active_rules.evaluator.judge_absence(name, horizon, events, previous)


def _list_awaited_types(rule: Rule, rules: RuleSet) -> frozenset[str]:
    """The stored types of what a rule waits for; empty for every type."""
    leaves = (
        rules.by_name[leaf]
        for name in rule.absent_rules
        for leaf in correlation_sql.list_plain_rules(rules.by_name[name], rules.by_name)
    )
    types = [expand_derived_types(leaf.event_types) for leaf in leaves]
    return frozenset(chain.from_iterable(types)) if all(types) else frozenset()
