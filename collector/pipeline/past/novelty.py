"""First-seen rules over a batch: which events are the first of their kind, and which were not.

The verdict on an event does not depend on the order in which events came, but for one thing: how
far the history went back at the time, which decides whether a rule was still learning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from collector.clock import to_micros
from collector.detect import Matcher, RuleSet
from collector.detect.past import novelty
from collector.detect.past.novelty import Run, micros
from collector.detect.past.selected import Part
from collector.model import ArchiveFile, FirstSeen, Match, Rule, Withdrawn
from collector.pipeline.events import Events
from collector.pipeline.judged import Judged
from collector.pipeline.past import runs
from collector.pipeline.past.learners import Learners
from collector.pipeline.past.runs import Brought, Turned
from collector.pipeline.past.selections import EVER, Selection, days, moment
from collector.store import learned, ledger
from collector.store.database import Database
from collector.text import sql_literal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Runs to tell of, by the uid of their first event; each with the last event before it."""

    since: datetime
    runs: dict[str, tuple[Run, int | None]]


class Novelty:
    """The first-seen rules of a rule set.

    Attributes:
        failures: the rules that could not be run, with the reason; the others went on.
    """

    def __init__(self, database: Database, rules: RuleSet) -> None:
        self._database = database
        self._all = rules
        self._learners = Learners(
            database, rules, over=FirstSeen, kind=learned.FIRST_SEEN, lose=runs.lose
        )
        self.failures = self._learners.failures

    def judge(self, events: Events, files: Sequence[ArchiveFile]) -> Judged:
        """What the rules say now of the keys that a batch's new files have events of."""
        return self._learners.judge(events, files, self._judge)

    def _judge(self, selection: Selection, anew: str | None) -> Judged:
        brought = runs.brought(selection)
        if anew is None:
            return self._grown(selection, brought)
        return self._built(selection, brought, anew)

    def _built(self, selection: Selection, brought: Brought, form: str) -> Judged:
        """With a memory made of the whole archive; what is told are events of the batch."""
        rows = [novelty.selected(part) for part in selection.within(EVER)]
        whole = runs.runs_of(selection, rows)
        touched = {key: whole.get(key, []) for key in brought.runs}
        org, rule = selection.events.org, selection.rule.name
        return Judged(
            matches=self._matches(selection, brought, Turned(before=touched, after=touched)),
            save=[partial(runs.build, org=org, rule=rule, form=form, runs=whole)],
        )

    def _grown(self, selection: Selection, brought: Brought) -> Judged:
        """With what is remembered."""
        if not brought.keys:
            return Judged()
        org, rule = selection.events.org, selection.rule.name
        with self._database.read() as connection:
            before = runs.recall(connection, org, rule, brought.keys)
        turned = runs.turned(selection, before, brought)
        gone = tuple(turned.gone())
        return Judged(
            matches=self._matches(selection, brought, turned),
            withdrawn=[Withdrawn(org=org, rule=rule, event_uids=gone)] if gone else [],
            save=[partial(runs.keep, org=org, rule=rule, turned=turned)],
        )

    def _matches(self, selection: Selection, brought: Brought, turned: Turned) -> list[Match]:
        since = self._since(selection)
        learnt = to_micros(since) + micros(novelty.first_seen(selection.rule).learn)
        fresh = brought.uids
        news = {run.uid: (run, last) for run, last in turned.news(fresh) if run.start >= learnt}
        if not news:
            return []
        found = _Found(since=since, runs=news)
        matches = list(self._told(selection, found, selection.brought(), news.keys() & fresh))
        if earlier := news.keys() - fresh:
            times = [moment(news[uid][0].start) for uid in earlier]
            parts = selection.within((min(times), max(times)))
            matches += self._told(selection, found, parts, earlier)
        return matches

    def _told(
        self, selection: Selection, found: _Found, parts: Iterable[Part], uids: Collection[str]
    ) -> Iterator[Match]:
        """The events with these uids as matches of the rule, with what they were seen against."""
        connection = selection.events.connection
        for part in parts if uids else ():
            matcher = Matcher(replace(self._all, rules=(_only(part.rule, uids),), variants={}))
            for match in matcher.matches(
                connection,
                relation=part.relation,
                columns=selection.events.columns(part.relation),
                event_type="",
                org=selection.events.org,
            ):
                yield replace(match, context=(_context(part.rule, match, found), *match.context))
            self.failures.update(matcher.failures)

    def _since(self, selection: Selection) -> datetime:
        """When the history of the rule's event types begins, the batch's events among them."""
        with self._database.read() as connection:
            first = ledger.history(
                connection, org=selection.events.org, event_types=selection.sources()
            )
        return min(first or EVER[1], selection.span[0])


def _only(rule: Rule, uids: Collection[str]) -> Rule:
    """The rule over these events alone, as if it were about single ones."""
    wanted = ", ".join(map(sql_literal, sorted(uids)))
    predicate = f"(event_uid IN ({wanted}) AND {rule.predicate})"
    return replace(rule, over=None, event_types=(), predicate=predicate)


def _context(rule: Rule, match: Match, found: _Found) -> dict[str, object]:
    over = novelty.first_seen(rule)
    _, last = found.runs[match.event_uid]
    return {
        "kind": "first_seen",
        "key": {name: str(match.event.get(name, "")) for name in over.key},
        "since": found.since.isoformat(),
        "last_seen": None if last is None else moment(last).isoformat(),
        "learn_days": days(over.learn),
        "forget_days": days(over.forget),
    }
