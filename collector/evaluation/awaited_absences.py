"""Up to when correlations know what has not come, as far as it is committed.

A rule that is new begins with what the archive holds: windows that ended before the newest event
are past, and nothing is told of them, as of any rule that is new. Where streams lag behind that,
it begins with how far they were read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from collector import clock
from collector.detect import RuleSet
from collector.evaluation.result import EvaluationResult
from collector.model import Rule
from collector.store import archive_file_rows, awaited_absences
from collector.store.awaited_absences import AbsenceHorizon
from collector.store.database import Database


def list_awaiting_rules(rules: RuleSet) -> list[Rule]:
    """The correlations that alert because something does not come."""
    return [rule for rule in rules.correlations if rule.raises_alert and rule.absent_rules]


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonBeginning:
    """Where the judging of a rule's windows begins."""

    org: str
    rule: str
    horizon: AbsenceHorizon

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        awaited_absences.begin_horizon(connection, self.org, self.rule, self.horizon)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedAbsences:
    """What is committed of the rules of a set that wait for something."""

    database: Database
    rules: RuleSet

    def read_horizons(self, org: str) -> Mapping[str, AbsenceHorizon]:
        """By rule, up to when its windows are judged; of all that wait."""
        names = [rule.name for rule in list_awaiting_rules(self.rules)]
        if not names:
            return {}
        with self.database.read() as connection:
            stored = awaited_absences.read_horizons(connection, org)
            if stored.keys() >= set(names):
                return {name: stored[name] for name in names}
            newest = archive_file_rows.find_latest_event_time(connection, org=org)
        # No event of the future lets a rule believe that all is past.
        until = min(newest or clock.EPOCH, clock.now())
        beginning = AbsenceHorizon(until=until, has_begun=False)
        return {name: stored.get(name, beginning) for name in names}


def begin_judging(org: str, horizons: Mapping[str, AbsenceHorizon]) -> EvaluationResult:
    """What is to be written before the first events come that a new rule sees.

    Where it is written already, it stays as it is.
    """
    return EvaluationResult(
        state_changes=[
            HorizonBeginning(org=org, rule=name, horizon=horizon)
            for name, horizon in horizons.items()
            if not horizon.has_begun
        ]
    )
