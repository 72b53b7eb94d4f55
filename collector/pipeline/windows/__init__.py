"""Runs correlations over the windows that a batch touches, in event time, whatever came when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

import duckdb

from collector.detect import RuleSet, windows
from collector.detect.failure import FAILURES, reason
from collector.model import Correlation, Rule, Severity, Withdrawn
from collector.pipeline.events import Events, Span
from collector.pipeline.judged import Judged
from collector.pipeline.scratch import Tables, tables
from collector.pipeline.windows.leaf_events import LeafEvents
from collector.pipeline.windows.members import Found, matches
from collector.pipeline.windows.touched import Brought, Touch

Known: TypeAlias = Callable[[str, Span], Mapping[str, tuple[Severity, float]]]
"""By uid, the severity and weight of what a rule has matched in a span of event time."""


class Windows:
    """The correlations of a rule set.

    Attributes:
        failures: the correlations that could not be run, with the reason; the others went on.
    """

    def __init__(self, rules: RuleSet) -> None:
        self.failures: dict[str, str] = {}
        self._rules = rules
        self._leaves = {
            rule.name: windows.leaves(rule, rules.by_name)
            for rule in rules.rules
            if isinstance(rule.over, Correlation) and rule.alert
        }
        self._touch = Touch(rules=rules, leaves=self._leaves)

    def judge(self, events: Events, span: Span, known: Known) -> Judged:
        """What the correlations say now of the windows that the batch's events lie in.

        `span` holds the times of all that the batch brings.
        """
        judged = Judged()
        if not self._leaves:
            return judged
        with tables(events.connection) as made:
            brought = self._touch.brought(events, span, made)
            self._blame()
            for name, leaves in self._leaves.items():
                if any(not each.leaves.isdisjoint(leaves) for each in brought):
                    judged = judged.and_also(self._attempt(name, events, brought, known))
        return judged

    def review(self, name: str, events: Events, span: Span, known: Known) -> Judged:
        """What one correlation says of all events of a span."""
        rule = self._rules.by_name[name]
        try:
            with tables(events.connection) as made:
                return self._evaluated(
                    rule, events, (span, span), groups=None, known=known, made=made
                )
        except FAILURES as error:
            self.failures[name] = reason(error)
            return Judged()

    def _blame(self) -> None:
        """A correlation fails with any of the rules that it looks at."""
        for leaf, why in self._touch.failures.items():
            told = f"its rule {leaf}: {why}"
            self.failures |= {name: told for name, below in self._leaves.items() if leaf in below}
        self._touch.failures.clear()

    def _attempt(
        self, name: str, events: Events, brought: Sequence[Brought], known: Known
    ) -> Judged:
        rule = self._rules.by_name[name]
        try:
            with tables(events.connection) as made:
                touched = made.make(self._touch.groups(rule, brought))
                span = _times(events.connection, touched)
                if span is None:
                    return Judged()
                # An event changes windows that end up to a reach after it; what lies in these, up
                # to a reach before it; and to judge all of that, one reach more on either side.
                reach = windows.reach(rule, self._rules.by_name)
                spans = _wider(span, reach), _wider(span, 2 * reach)
                groups = touched if self._touch.is_apart(rule) else None
                return self._evaluated(rule, events, spans, groups=groups, known=known, made=made)
        except FAILURES as error:
            self.failures[name] = reason(error)
            return Judged()

    def _evaluated(
        self,
        rule: Rule,
        events: Events,
        spans: tuple[Span, Span],
        *,
        groups: str | None,
        known: Known,
        made: Tables,
    ) -> Judged:
        """What holds in the first span, seen with the events of the second."""
        scope, span = spans
        wanted = LeafEvents(rules=self._rules, rule=rule, events=events, span=span, groups=groups)
        leaves = {leaf: made.make(wanted.select(leaf)) for leaf in self._leaves[rule.name]}
        members = windows.members(
            rule, self._rules.by_name, lambda leaf, _: f"SELECT * FROM {leaves[leaf]}"
        )
        found = Found(
            rules=self._rules, rule=rule, table=made.make(members), scope=scope, span=span
        )
        before, held = known(rule.name, scope), found.held(events.connection)
        fresh = [uid for uid, weight in held.items() if before.get(uid) != weight]
        return Judged(
            matches=list(matches(found, events, fresh)) if fresh else [],
            # Of groups that were not looked at nothing is said; but there nothing ever ceases.
            withdrawn=() if groups else _withdrawn(events.org, rule, before.keys() - held.keys()),
        )


def _times(connection: duckdb.DuckDBPyConnection, table: str) -> Span | None:
    row = connection.execute(f"SELECT min(time), max(time) FROM {table}").fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def _wider(span: Span, by: timedelta) -> Span:
    return span[0] - by, span[1] + by


def _withdrawn(org: str, rule: Rule, uids: Iterable[str]) -> tuple[Withdrawn, ...]:
    gone = tuple(sorted(uids))
    return (Withdrawn(org=org, rule=rule.name, event_uids=gone),) if gone else ()
