"""Looks at every event of an org once, for all rules of its type together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import duckdb

from collector.backtest.kept import Kept, after
from collector.backtest.keys import key
from collector.backtest.leaves import Leaves, Wanted
from collector.detect import RuleSet
from collector.detect.failure import FAILURES, reason
from collector.detect.predicates import folding
from collector.detect.severity import severity
from collector.model import Rule
from collector.normalize import DERIVED
from collector.pipeline.scratch import Tables, tables
from collector.text import sql_identifier

ENOUGH = 500_000
"""So many events that rules may be about are gathered before each rule looks at them."""

Progress: TypeAlias = Callable[[int], None]
"""Is told that so many more events have been looked at."""

_ALWAYS = ("event_uid", "event_type", "time", "received")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Where what is found goes: hits of a rule as a SELECT, and events for correlations."""

    hits: Callable[[Rule, str], None]
    leaves: Leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """Rules over single events, for themselves or for correlations.

    Attributes:
        rules: the rule set.
        wanted: what correlations look at.
        since: what is before that is not told.
        back: from then on correlations need events.
        failures: rules that could not be run, with the reason.
    """

    rules: RuleSet
    wanted: Wanted
    since: datetime
    back: datetime
    failures: dict[str, str]

    def of(self, event_type: str) -> list[Rule]:
        """The rules that look at single events of a type and are able to."""
        return [
            rule
            for rule in self.rules.for_type(event_type)
            if rule.name not in self.failures
            and (is_told(rule) or rule.name in self.wanted.fields)
            # A rule about every type looks at what was logged, not at what is made of it.
            and (rule.event_types or event_type not in DERIVED)
        ]

    def begin(self, rules: Sequence[Rule]) -> datetime:
        """From when on these rules need events."""
        is_wanted = any(rule.name in self.wanted.fields for rule in rules)
        return self.back if is_wanted else self.since

    def look(self, kept: Kept, event_type: str, keep: Keep, progress: Progress) -> None:
        """Look at all events of a type."""
        rules = self.of(event_type)
        begin, needs = self.begin(rules), self._needs(rules, event_type)
        with tables(kept.connection) as made:
            found = _Gathered(connection=kept.connection, needs=needs, made=made)
            try:
                for relation, count in kept.chunks(event_type, needs, begin):
                    rules = self._gather(found, rules, relation)
                    if found.count >= ENOUGH:
                        self._settle(found, rules, event_type, keep)
                    progress(count)
            except FAILURES as error:  # not a rule is wrong, but the events are
                self.failures.update((rule.name, reason(error)) for rule in rules)
                return
            self._settle(found, rules, event_type, keep)

    def _needs(self, rules: Sequence[Rule], event_type: str) -> list[str]:
        names = [*_ALWAYS, *(name for rule in rules for name in rule.fields)]
        for rule in rules:
            if rule.name in self.wanted.fields:
                names += self.wanted.columns(rule.name, event_type)
        return sorted({name.lower(): name for name in names}.values())

    def _gather(self, found: _Gathered, rules: list[Rule], relation: str) -> list[Rule]:
        """Gather the events of a FROM item that any rule may be about; the rules that can run."""
        try:
            found.add(rules, relation)
        except duckdb.Error:
            rules = [rule for rule in rules if self._can_run(found, rule, relation)]
            found.add(rules, relation)
        return rules

    def _can_run(self, found: _Gathered, rule: Rule, relation: str) -> bool:
        try:
            found.connection.execute(
                f"SELECT count(*) FROM {relation} AS events WHERE {rule.predicate}"
            ).fetchall()
        except duckdb.Error as error:
            self.failures[rule.name] = reason(error)
            return False
        return True

    def _settle(self, found: _Gathered, rules: Sequence[Rule], event_type: str, keep: Keep) -> None:
        """Let each rule look at what was gathered, and forget it."""
        for rule in rules if found.count else ():
            try:
                self._take(rule, event_type, found.table, keep)
            except FAILURES as error:
                self.failures[rule.name] = reason(error)
        found.clear()

    def _take(self, rule: Rule, event_type: str, table: str, keep: Keep) -> None:
        if is_told(rule):
            keep.hits(
                rule,
                f'SELECT {key(rule)} AS key, "time", {severity(rule)} AS severity, 1 AS events'
                f" FROM {table} AS events WHERE {rule.predicate} AND {after(self.since)}",
            )
        if rule.name in self.wanted.fields:
            keep.leaves.add(rule, event_type, table)


def is_told(rule: Rule) -> bool:
    """Whether a rule tells of single events."""
    return rule.alert and rule.over is None


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """The events of one type that any rule may be about, with the columns that rules need."""

    connection: duckdb.DuckDBPyConnection
    needs: Sequence[str]
    made: Tables
    table: str = ""
    count: int = 0

    def add(self, rules: Sequence[Rule], relation: str) -> None:
        """Add those of a FROM item. Raises duckdb.Error."""
        if not rules:
            return
        shown = ", ".join(map(sql_identifier, self.needs))
        select = folding.any_of(relation, [rule.predicate for rule in rules], shown)
        if self.table:
            self.connection.execute(f"INSERT INTO {self.table} {select}")
        else:
            self.table = self.made.make(select)
        result = self.connection.execute(f"SELECT count(*) FROM {self.table}")
        (self.count,) = result.fetchone() or (0,)

    def clear(self) -> None:
        """Forget them."""
        self.made.drop()
        self.table, self.count = "", 0
