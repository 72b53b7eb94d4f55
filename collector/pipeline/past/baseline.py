"""Baselines over a batch: which windows of which groups are far above the group's own past."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from collector.detect import RuleSet
from collector.detect.past import baseline
from collector.detect.past.novelty import micros
from collector.model import ArchiveFile, Baseline, Withdrawn
from collector.pipeline.events import Events
from collector.pipeline.judged import Judged
from collector.pipeline.past import memory
from collector.pipeline.past.learners import Learners
from collector.pipeline.past.measured import Touched, everything, measured, touched
from collector.pipeline.past.memory import Read, Stored
from collector.pipeline.past.outliers import matches
from collector.pipeline.past.selections import Selection
from collector.pipeline.past.verdicts import Change, judged
from collector.pipeline.scratch import Tables, tables
from collector.store import learned
from collector.store.database import Database
from collector.store.measures import Measure, Place


class Baselines:
    """The baselines of a rule set.

    Attributes:
        failures: the rules that could not be run, with the reason; the others went on.
    """

    def __init__(self, database: Database, rules: RuleSet) -> None:
        self._database = database
        self._learners = Learners(
            database, rules, over=Baseline, kind=learned.BASELINE, lose=memory.lose
        )
        self.failures = self._learners.failures

    def judge(self, events: Events, files: Sequence[ArchiveFile]) -> Judged:
        """What the rules say now of the windows that a batch's new files have events of.

        Windows whose past these are, are judged again.
        """
        return self._learners.judge(events, files, self._judge)

    def _judge(self, selection: Selection, anew: str | None) -> Judged:
        with tables(selection.events.connection) as made:
            windows = touched(selection, made)
            if anew is None:
                return self._grown(selection, windows, made)
            return _built(selection, windows, made, anew)

    def _grown(self, selection: Selection, windows: Touched, made: Tables) -> Judged:
        """With what is remembered of the past."""
        if not windows.places:
            return Judged()
        org, name = selection.events.org, selection.rule.name
        with self._database.read() as connection:
            stored = Stored(connection=connection, org=org, rule=name)
            before = _before(selection, windows, stored)
            change = Change(
                before=before, touched=windows.places, measured=measured(selection, windows)
            )
            verdicts = judged(baseline.baseline(selection.rule), change, stored)
        gone = tuple(
            sorted(baseline.window_uid(selection.rule, *place) for place in verdicts.withdrawn)
        )
        return Judged(
            matches=matches(selection, verdicts, windows, made),
            withdrawn=[Withdrawn(org=org, rule=name, event_uids=gone)] if gone else [],
            save=[partial(memory.keep, org=org, rule=name, before=before, after=verdicts.windows)],
        )


def _built(selection: Selection, windows: Touched, made: Tables, form: str) -> Judged:
    """With a memory made of the whole archive; what is told are windows of the batch."""
    whole = everything(selection)
    own = {place: whole[place] for place in windows.places if place in whole}
    change = Change(before=own, touched=windows.places, measured=own)
    verdicts = judged(baseline.baseline(selection.rule), change, Read(whole, windows.keys))
    save = partial(
        memory.build,
        org=selection.events.org,
        rule=selection.rule.name,
        form=form,
        windows={**whole, **verdicts.windows},
    )
    return Judged(matches=matches(selection, verdicts, windows, made), save=[save])


def _before(selection: Selection, windows: Touched, stored: Stored) -> dict[Place, Measure]:
    """The touched windows, and the later ones of their groups whose past they are."""
    first: dict[str, int] = {}
    for key, start in windows.places:
        first[key] = min(start, first.get(key, start))
    last = max(start for _, start in windows.places)
    history = micros(baseline.baseline(selection.rule).history)
    found = stored.windows(first, min(first.values()), last + history)
    return {place: each for place, each in found.items() if place[1] >= first[place[0]]}
