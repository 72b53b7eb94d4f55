"""Runs the rules over the Parquet files that a batch has just become, and the archive around."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from collector.detect import Matcher, RuleSet
from collector.detect.failure import FAILURES, reason
from collector.model import ArchiveFile, Correlation, Match
from collector.pipeline.events import Events, Span
from collector.pipeline.judged import Judged
from collector.pipeline.past.baseline import Baselines
from collector.pipeline.past.novelty import Novelty
from collector.pipeline.past.selections import EVER, span_of
from collector.pipeline.windows import Known, Windows
from collector.store.database import Database

AT_ONCE = 5_000
"""So many matches of the past are held in memory and written in one transaction."""


class Detection:
    """The rules of a set, of every kind."""

    def __init__(self, rules: RuleSet, database: Database) -> None:
        single = [rule for rule in rules.rules if rule.alert and rule.over is None]
        self._rules = rules
        self._logged = replace(rules, rules=tuple(single))
        # A rule about every type looks at each event once: at what was logged, not at what is made
        # of it.
        self._derived = replace(rules, rules=tuple(rule for rule in single if rule.event_types))
        self._matchers = Matcher(self._logged), Matcher(self._derived)
        self._windows = Windows(rules)
        self._novelty = Novelty(database, rules)
        self._baselines = Baselines(database, rules)

    def failures(self) -> Mapping[str, str]:
        """Rules that could not be run since the last call, with the reason; the others went on."""
        failed: dict[str, str] = {}
        for each in (*self._matchers, self._windows, self._novelty, self._baselines):
            failed |= each.failures
            each.failures.clear()
        return failed

    def judge(self, events: Events, files: Sequence[ArchiveFile], known: Known) -> Judged:
        """What the rules say now that a batch has become these new files."""
        if not files:
            return Judged()
        span = span_of(files)
        judged = Judged(matches=list(self._single(events, span)))
        judged = judged.and_also(self._windows.judge(events, span, known))
        judged = judged.and_also(self._novelty.judge(events, files))
        return judged.and_also(self._baselines.judge(events, files))

    def review(self, name: str, events: Events, known: Known) -> Iterator[Judged]:
        """What one rule says of all that is committed, part by part.

        Rules that compare with the past say nothing: they judge what is new.
        """
        rule = self._rules.by_name[name]
        if not rule.alert:
            return
        if isinstance(rule.over, Correlation):
            yield self._windows.review(name, events, EVER, known)
        elif rule.over is None:
            matcher = Matcher(replace(self._rules, rules=(rule,)))
            try:
                yield from self._review(matcher, rule.event_types, events)
            except FAILURES as error:
                matcher.failures[name] = reason(error)
            self._matchers[0].failures.update(matcher.failures)

    def _review(
        self, matcher: Matcher, event_types: Sequence[str], events: Events
    ) -> Iterator[Judged]:
        for event_type in event_types or events.stored_types():
            relation = events.of(event_type, EVER, ())
            if relation is not None:
                found = self._matches(matcher, events, event_type, relation)
                while part := list(itertools.islice(found, AT_ONCE)):
                    yield Judged(matches=part)

    def _single(self, events: Events, span: Span) -> Iterator[Match]:
        for event_type in events.types_brought():
            is_derived = event_type != events.event_type
            rules = self._derived if is_derived else self._logged
            if rules.for_type(event_type):
                relation = events.brought(event_type, span, ())
                if relation is not None:
                    matcher = self._matchers[is_derived]
                    yield from self._matches(matcher, events, event_type, relation)

    def _matches(
        self, matcher: Matcher, events: Events, event_type: str, relation: str
    ) -> Iterator[Match]:
        yield from matcher.matches(
            events.connection,
            relation=relation,
            columns=events.columns(relation),
            event_type=event_type,
            org=events.org,
        )
