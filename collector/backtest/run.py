"""Runs a rule set over archive files: what its rules would have told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import duckdb

from collector.backtest import leaves, past
from collector.backtest.hits import Hits, Verdict
from collector.backtest.kept import Kept, after
from collector.backtest.keys import key
from collector.backtest.leaves import Leaves, Wanted
from collector.backtest.single import Keep, Progress, Single
from collector.clock import from_micros
from collector.detect import RuleSet, windows
from collector.detect.failure import FAILURES, reason
from collector.detect.past.novelty import first_seen
from collector.detect.past.selected import Part
from collector.model import Baseline, Correlation, FirstSeen, Rule
from collector.pipeline.past.selections import EVER, Selection
from collector.pipeline.scratch import tables

MEMORY = "700MB"
"""What the engine of a backtest is to hold, so that the process stays below a gigabyte."""

BEGINNING = EVER[0]
"""Before all events."""

Add: TypeAlias = Callable[[Rule, str], None]
"""Takes hits of a rule, as a SELECT (`Hits.add`)."""


def backtest(
    rules: RuleSet,
    orgs: Sequence[Kept],
    *,
    connection: duckdb.DuckDBPyConnection,
    since: datetime = BEGINNING,
    progress: Progress = lambda _: None,
) -> list[Verdict]:
    """What each rule that alerts would have told.

    Args:
        rules: a rule that fails says so in its verdict; the others go on.
        orgs: their events; each org is looked at by itself.
        connection: that of the orgs, not used for anything else meanwhile.
        since: nothing before that is told; rules that need a past look at it still.
        progress: is called for every part that was done, in all for about `effort` events.
    """
    hits = Hits(connection)
    told = [rule for rule in rules.rules if rule.alert]
    numbers = {rule.name: number for number, rule in enumerate(told)}
    failures: dict[str, str] = {}
    for kept in orgs:

        def add(rule: Rule, rows: str, org: str = kept.org) -> None:
            hits.add(numbers[rule.name], rule, org, rows)

        _Org(rules, kept, since=since, failures=failures).look(add, progress)
    return [
        Verdict(rule=rule, failure=failures[rule.name])
        if rule.name in failures
        else hits.verdict(number, rule)
        for number, rule in enumerate(told)
    ]


def effort(rules: RuleSet, orgs: Sequence[Kept], *, since: datetime = BEGINNING) -> int:
    """How many events are looked at, those that several rules read apart several times."""
    return sum(_Org(rules, kept, since=since, failures={}).effort() for kept in orgs)


class _Org:
    """One org on its way through a backtest. `failures` grows with the rules that fail."""

    def __init__(
        self,
        rules: RuleSet,
        kept: Kept,
        *,
        since: datetime,
        failures: dict[str, str],
    ) -> None:
        self._rules = rules
        self._kept = kept
        self._since = since
        self._failures = failures
        self._wanted = leaves.wanted(rules)
        self._single = Single(
            rules=rules,
            wanted=self._wanted,
            since=since,
            back=since - _reach(rules, self._wanted),
            failures=failures,
        )

    def look(self, add: Add, progress: Progress) -> None:
        """Look at all of its events."""
        with tables(self._kept.connection) as made:
            pieces = Leaves(connection=self._kept.connection, wanted=self._wanted, made=made)
            for event_type in self._types():
                keep = Keep(hits=add, leaves=pieces)
                self._single.look(self._kept, event_type, keep, progress)
            for rule in self._wanted.rules:
                self._blame(rule)
                self._attempt(rule, add, lambda each: self._correlated(each, pieces))
        for rule in self._with_past():
            self._attempt(rule, add, self._compared)
            progress(self._of_past(rule))

    def effort(self) -> int:
        """How many events it looks at."""
        single = sum(
            self._kept.rows(event_type, self._single.begin(self._single.of(event_type)))
            for event_type in self._types()
        )
        return single + sum(map(self._of_past, self._with_past()))

    def _types(self) -> list[str]:
        return [name for name in self._kept.every_type() if self._single.of(name)]

    def _with_past(self) -> Iterator[Rule]:
        for rule in self._rules.rules:
            if rule.alert and isinstance(rule.over, FirstSeen | Baseline):
                yield rule

    def _of_past(self, rule: Rule) -> int:
        types = rule.event_types or self._kept.types()
        return sum(self._kept.rows(event_type, self._begin(rule)) for event_type in types)

    def _begin(self, rule: Rule) -> datetime:
        """From when on events count for a rule with a past."""
        if isinstance(rule.over, Baseline) and self._since > BEGINNING:
            return from_micros(past.baseline_from(rule, self._since))
        return BEGINNING

    def _attempt(self, rule: Rule, add: Add, found: Callable[[Rule], str]) -> None:
        if rule.name in self._failures:
            return
        try:
            if rows := found(rule):
                add(rule, rows)
        except FAILURES as error:
            self._failures[rule.name] = reason(error)

    def _blame(self, rule: Rule) -> None:
        """A correlation fails with any of the rules that it looks at."""
        for leaf in self._wanted.below[rule.name]:
            if leaf in self._failures:
                self._failures.setdefault(rule.name, self._failures[leaf])

    # ---- what rules that look at several events find: SQL, or nothing where there are none

    def _correlated(self, rule: Rule, pieces: Leaves) -> str:
        members = windows.members(rule, self._rules.by_name, pieces.source)
        falls = isinstance(rule.over, Correlation) and rule.over.operator in {"lt", "lte"}
        weight = f"coalesce({'-' if falls else ''}metric, 0)"
        uid = windows.match_uid(rule, self._rules.by_name)
        return (
            f"SELECT key, time, severity, 1 AS events FROM (SELECT {uid} AS uid, time, severity,"
            f" {key(rule)} AS key, {weight} AS weight FROM ({members})) WHERE {after(self._since)}"
            " QUALIFY row_number() OVER"
            " (PARTITION BY uid ORDER BY severity DESC, weight DESC, key DESC) = 1"
        )

    def _compared(self, rule: Rule) -> str:
        selection = Selection(rules=self._rules, rule=rule, events=self._kept.events, span=EVER)
        parts = list(selection.within((self._begin(rule), EVER[1])))
        if not parts:
            return ""
        if isinstance(rule.over, Baseline):
            return past.baseline_hits(rule, parts, self._since)
        return self._first_seen(selection, parts)

    def _first_seen(self, selection: Selection, parts: Sequence[Part]) -> str:
        learnt = self._kept.first(selection.sources()) + first_seen(selection.rule).learn
        return past.first_seen_hits(parts, told_from=max(learnt, self._since))


def _reach(rules: RuleSet, wanted: Wanted) -> timedelta:
    """How far back correlations look."""
    reaches = (windows.reach(rule, rules.by_name) for rule in wanted.rules)
    return max(reaches, default=timedelta())
