"""The events of the plain rules that correlations look at, kept for one org."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from collector import normalize
from collector.detect import RuleSet, windows
from collector.model import Rule
from collector.pipeline.scratch import Tables
from collector.text import sql_identifier

_FIXED = ("event_uid", "event_type", "time", "received")
_EMPTY = ("NULL::VARCHAR", "NULL::VARCHAR", "NULL::TIMESTAMPTZ", "NULL::TIMESTAMPTZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Correlations, and what they read of other rules.

    Attributes:
        rules: the correlations.
        below: the plain rules below each, by its name.
        fields: the fields that are read of each plain rule, by its name.
    """

    rules: tuple[Rule, ...]
    below: Mapping[str, frozenset[str]]
    fields: Mapping[str, tuple[str, ...]]

    def columns(self, leaf: str, event_type: str) -> list[str]:
        """The columns in which the fields of a rule's events stand, one for each field."""
        return [normalize.physical(name, event_type) for name in self.fields[leaf]]


def wanted(rules: RuleSet) -> Wanted:
    """The correlations that alert."""
    found = tuple(rule for rule in rules.correlations if rule.alert)
    below = {rule.name: frozenset(windows.leaves(rule, rules.by_name)) for rule in found}
    fields: dict[str, dict[str, None]] = {}
    for rule in found:
        for leaf in below[rule.name]:
            read = windows.fields_of(rule, rules.by_name, leaf)
            fields.setdefault(leaf, {}).update(dict.fromkeys(read))
    return Wanted(
        rules=found, below=below, fields={leaf: tuple(read) for leaf, read in fields.items()}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """A table for each of the plain rules; fields are columns by their places."""

    connection: duckdb.DuckDBPyConnection
    wanted: Wanted
    made: Tables
    _tables: dict[str, str] = field(default_factory=dict)

    def add(self, rule: Rule, event_type: str, table: str) -> None:
        """Keep what a plain rule selects of a table with events of a type. Raises duckdb.Error."""
        columns = self.wanted.columns(rule.name, event_type)
        shown = [*_FIXED, *(f"CAST({sql_identifier(column)} AS VARCHAR)" for column in columns)]
        self.connection.execute(
            f"INSERT INTO {self._table(rule.name)} SELECT {', '.join(shown)}"
            f" FROM {table} AS events WHERE {rule.predicate}"
        )

    def source(self, leaf: str, fields: Sequence[str]) -> str:
        """SQL: the events of a plain rule (`windows.Source`)."""
        places = {name: place for place, name in enumerate(self.wanted.fields[leaf])}
        shown = [f"f{places[name]} AS {sql_identifier(name)}" for name in fields]
        return f"SELECT {', '.join([*_FIXED, *shown])} FROM {self._table(leaf)}"

    def _table(self, leaf: str) -> str:
        if leaf not in self._tables:
            shown = [f"{empty} AS {name}" for name, empty in zip(_FIXED, _EMPTY, strict=True)]
            count = len(self.wanted.fields[leaf])
            shown += [f"NULL::VARCHAR AS f{place}" for place in range(count)]
            self._tables[leaf] = self.made.make(f"SELECT {', '.join(shown)} WHERE FALSE")
        return self._tables[leaf]
