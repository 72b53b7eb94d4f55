"""The events of the plain rules that correlations look at, kept for one org."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from collector import normalize
from collector.detect import RuleSet, correlation_sql
from collector.escaping import quote_identifier
from collector.evaluation.temp_tables import TempTables
from collector.model import Rule
from collector.model.event_columns import CANONICAL_COLUMNS, HEADER_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationInputs:
    """Correlations, and what they read of other rules.

    Attributes:
        correlations: the correlations.
        leaves_by_rule: the plain rules below each, by its name.
        fields_by_leaf: the fields that are read of each plain rule, by its name.
    """

    correlations: tuple[Rule, ...]
    leaves_by_rule: Mapping[str, frozenset[str]]
    fields_by_leaf: Mapping[str, tuple[str, ...]]

    def list_columns(self, leaf: str, event_type: str) -> list[str]:
        """The columns in which the fields of a rule's events stand, one for each field."""
        return [
            normalize.find_physical_column(name, event_type) for name in self.fields_by_leaf[leaf]
        ]


def collect_inputs(rules: RuleSet) -> CorrelationInputs:
    """The correlations that alert."""
    found = tuple(rule for rule in rules.correlations if rule.raises_alert)
    below = {
        rule.name: frozenset(correlation_sql.list_leaves(rule, rules.by_name)) for rule in found
    }
    fields: dict[str, dict[str, None]] = {}
    for rule in found:
        for leaf in below[rule.name]:
            read = correlation_sql.list_leaf_fields(rule, rules.by_name, leaf)
            fields.setdefault(leaf, {}).update(dict.fromkeys(read))
    return CorrelationInputs(
        correlations=found,
        leaves_by_rule=below,
        fields_by_leaf={leaf: tuple(read) for leaf, read in fields.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafTables:
    """A table for each of the plain rules; fields are columns by their places."""

    connection: duckdb.DuckDBPyConnection
    inputs: CorrelationInputs
    temp_tables: TempTables
    _tables_by_leaf: dict[str, str] = field(default_factory=dict)

    def add_events(self, rule: Rule, event_type: str, table: str) -> None:
        """Keep what a plain rule selects of a table with events of a type. Raises duckdb.Error."""
        columns = self.inputs.list_columns(rule.name, event_type)
        shown = [
            *HEADER_COLUMNS,
            *(f"CAST({quote_identifier(column)} AS VARCHAR)" for column in columns),
        ]
        self.connection.execute(
            f"INSERT INTO {self._ensure_table(rule.name)} SELECT {', '.join(shown)}"
            f" FROM {table} AS events WHERE {rule.predicate}"
        )

    def select_leaf(self, leaf: str, fields: Sequence[str]) -> str:
        """SQL: the events of a plain rule, as `correlation_sql.LeafSource` says."""
        places = {name: place for place, name in enumerate(self.inputs.fields_by_leaf[leaf])}
        shown = [f"f{places[name]} AS {quote_identifier(name)}" for name in fields]
        return f"SELECT {', '.join([*HEADER_COLUMNS, *shown])} FROM {self._ensure_table(leaf)}"

    def _ensure_table(self, leaf: str) -> str:
        if leaf not in self._tables_by_leaf:
            shown = [f"NULL::{CANONICAL_COLUMNS[name]} AS {name}" for name in HEADER_COLUMNS]
            count = len(self.inputs.fields_by_leaf[leaf])
            shown += [f"NULL::VARCHAR AS f{place}" for place in range(count)]
            self._tables_by_leaf[leaf] = self.temp_tables.create_table(
                f"SELECT {', '.join(shown)} WHERE FALSE"
            )
        return self._tables_by_leaf[leaf]
