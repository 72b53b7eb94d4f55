"""What a batch brings to correlations: one pass over its events, for all of them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from collector import normalize
from collector.detect import RuleSet, windows
from collector.detect.failure import reason
from collector.model import Correlation, Rule
from collector.pipeline.events import Events, Span
from collector.pipeline.scratch import Tables
from collector.text import sql_identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """Events of one type that fit some of the rules that correlations look at.

    In `table`, beside their columns, a flag for each of `leaves`: whether it fits.
    """

    event_type: str
    table: str
    leaves: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """Looks for what a batch brings.

    Attributes:
        rules: all rules.
        leaves: by correlation, the plain rules below it.
        failures: plain rules that could not be run, with the reason.
    """

    rules: RuleSet
    leaves: Mapping[str, Sequence[str]]
    failures: dict[str, str] = field(default_factory=dict)

    def brought(self, events: Events, span: Span, made: Tables) -> list[Brought]:
        """What the batch brings; `span` holds the times of all its events."""
        wanted = frozenset(leaf for leaves in self.leaves.values() for leaf in leaves)
        found: list[Brought] = []
        for event_type in events.types_brought():
            leaves = [
                rule
                for rule in self.rules.for_type(event_type)
                # A rule about every type looks at what was logged, not at what is made of it.
                if rule.name in wanted and (rule.event_types or event_type == events.event_type)
            ]
            if leaves:
                found += self._fitting(events, event_type, leaves, span, made)
        return found

    def groups(self, rule: Rule, brought: Sequence[Brought]) -> str:
        """SQL: the time and the groups (`g0`, `g1`, …) of all that is brought to a correlation."""
        return " UNION ALL ".join(
            f"SELECT {', '.join(['time', *self._groups(rule, leaf, each.event_type)])}"
            f" FROM {each.table} WHERE {_flag(leaf)}"
            for each in brought
            for leaf in self.leaves[rule.name]
            if leaf in each.leaves
        )

    def is_apart(self, rule: Rule) -> bool:
        """Whether the groups that a batch touches can be judged without a look at the others."""
        fields = (
            field
            for leaf in self.leaves[rule.name]
            for field in windows.groups(rule, self.rules.by_name, leaf)
        )
        over = rule.over
        return isinstance(over, Correlation) and over.grows and bool(over.group_by) and all(fields)

    def _fitting(
        self,
        events: Events,
        event_type: str,
        leaves: Sequence[Rule],
        span: Span,
        made: Tables,
    ) -> Iterator[Brought]:
        columns = self._columns([rule.name for rule in leaves], event_type)
        needs = {*columns, *(name for rule in leaves for name in rule.fields)}
        flags = [f"{rule.predicate} AS {_flag(rule.name)}" for rule in leaves]
        shown = ", ".join(["time", *map(sql_identifier, columns), *flags])
        fits = " OR ".join(rule.predicate for rule in leaves)
        relation = events.brought(event_type, span, sorted(needs))
        try:
            table = made.make(f"SELECT {shown} FROM {relation} AS events WHERE {fits}")
        except duckdb.Error as error:
            if len(leaves) == 1:
                self.failures[leaves[0].name] = reason(error)
                return
            for rule in leaves:  # one of them fails: the others are not to suffer for it
                yield from self._fitting(events, event_type, [rule], span, made)
            return
        names = frozenset(rule.name for rule in leaves)
        yield Brought(event_type=event_type, table=table, leaves=names)

    def _columns(self, leaves: Sequence[str], event_type: str) -> list[str]:
        """The columns in which the groups of the leaves' events stand."""
        fields = {
            field
            for name, below in self.leaves.items()
            for leaf in set(leaves) & set(below)
            for field in windows.groups(self.rules.by_name[name], self.rules.by_name, leaf)
            if field and field != "time"
        }
        return sorted({normalize.physical(each, event_type) for each in fields})

    def _groups(self, rule: Rule, leaf: str, event_type: str) -> list[str]:
        fields = windows.groups(rule, self.rules.by_name, leaf)
        return [
            f"{as_text(field, event_type) if field else 'NULL'} AS g{place}"
            for place, field in enumerate(fields)
        ]


def as_text(field: str, event_type: str) -> str:
    """SQL: a field of events of a type, as text."""
    return f"CAST({sql_identifier(normalize.physical(field, event_type))} AS VARCHAR)"


def _flag(leaf: str) -> str:
    return sql_identifier(f"is:{leaf}")  # no column of an event can have such a name
