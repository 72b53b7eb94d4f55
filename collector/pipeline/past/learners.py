"""Rules of one kind that remember the past: whom a batch concerns, and whose memory is its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import sqlalchemy as sa

from collector.detect import RuleSet
from collector.detect.failure import FAILURES, reason
from collector.model import ArchiveFile, Baseline, FirstSeen
from collector.pipeline.events import Events
from collector.pipeline.judged import Judged, Save
from collector.pipeline.past.selections import Selection, fingerprint, span_of
from collector.store import learned
from collector.store.database import Database


class Lose(Protocol):
    """Forgets all that a rule remembers of an org."""

    def __call__(self, connection: sa.Connection, *, org: str, rule: str) -> None:
        """Write it into the state transaction."""
        ...


Judge = Callable[[Selection, str | None], Judged]
"""What a rule says of a batch; given the form of the rule to learn anew as, None where its memory
is its own."""


class Learners:
    """The rules of a set that are over one thing.

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
        lose: Lose,
    ) -> None:
        self.failures: dict[str, str] = {}
        self._database = database
        self._all = rules
        self._kind = kind
        self._lose = lose
        self._rules = {
            rule.name: (rule, fingerprint(rules, rule))
            for rule in rules.rules
            if isinstance(rule.over, over) and rule.alert
        }

    def judge(self, events: Events, files: Sequence[ArchiveFile], judge: Judge) -> Judged:
        """What the rules say now of a batch's new files; rules that are gone lose their memory."""
        if not files:
            return Judged()
        with self._database.read() as connection:
            known = learned.fingerprints(connection, org=events.org, kind=self._kind)
        gone = known.keys() - self._rules.keys()
        judged = Judged(save=[self._losing(events, name) for name in sorted(gone)])
        span = span_of(files)
        for rule, form in self._rules.values():
            selection = Selection(rules=self._all, rule=rule, events=events, span=span)
            if selection.is_touched():
                anew = None if known.get(rule.name) == form else form
                judged = judged.and_also(self._attempt(selection, anew, judge))
        return judged

    def _attempt(self, selection: Selection, anew: str | None, judge: Judge) -> Judged:
        """What a rule says; one that fails loses its memory, which has missed the batch."""
        try:
            return judge(selection, anew)
        except FAILURES as error:
            self.failures[selection.rule.name] = reason(error)
            return Judged(save=[self._losing(selection.events, selection.rule.name)])

    def _losing(self, events: Events, rule: str) -> Save:
        return partial(self._lose, org=events.org, rule=rule)
