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
        """The columns that hold the fields of a rule's events, one for each field."""
        return [
            normalize.find_physical_column(name, event_type) for name in self.fields_by_leaf[leaf]
        ]


def collect_inputs(rules: RuleSet) -> CorrelationInputs:
    """The correlations that alert."""
    correlations = tuple(rule for rule in rules.correlations if rule.raises_alert)
    leaves_by_rule = {
        rule.name: frozenset(correlation_sql.list_leaves(rule, rules.by_name))
        for rule in correlations
    }
    fields: dict[str, dict[str, None]] = {}
    for rule in correlations:
        for leaf in leaves_by_rule[rule.name]:
            leaf_fields = correlation_sql.list_leaf_fields(rule, rules.by_name, leaf)
            fields.setdefault(leaf, {}).update(dict.fromkeys(leaf_fields))
    return CorrelationInputs(
        correlations=correlations,
        leaves_by_rule=leaves_by_rule,
        fields_by_leaf={leaf: tuple(leaf_fields) for leaf, leaf_fields in fields.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafTables:
    """A table for each of the plain rules, whose fields are the columns `f0`, `f1`, …."""

    connection: duckdb.DuckDBPyConnection
    inputs: CorrelationInputs
    temp_tables: TempTables
    _tables_by_leaf: dict[str, str] = field(default_factory=dict)

    def add_events(self, rule: Rule, event_type: str, table: str) -> None:
        """Add the events of a table that a plain rule selects. Raises duckdb.Error."""
        columns = self.inputs.list_columns(rule.name, event_type)
        selected = [
            *HEADER_COLUMNS,
            *(f"CAST({quote_identifier(column)} AS VARCHAR)" for column in columns),
        ]
        self.connection.execute(
            f"INSERT INTO {self._ensure_table(rule.name)} SELECT {', '.join(selected)}"
            f" FROM {table} AS events WHERE {rule.predicate}"
        )

    def keep_members(self, leaf: str, members: str) -> None:
        """Drop a rule's events that are not among the `event_uid` of a SELECT."""
        self.connection.execute(
            f"DELETE FROM {self._ensure_table(leaf)} WHERE event_uid NOT IN ({members})"
        )

    def select_leaf(self, leaf: str, fields: Sequence[str]) -> str:
        """SQL: the events of a plain rule, as `correlation_sql.LeafSource` says."""
        stored_fields = self.inputs.fields_by_leaf[leaf]
        selected = [f"f{stored_fields.index(name)} AS {quote_identifier(name)}" for name in fields]
        return f"SELECT {', '.join([*HEADER_COLUMNS, *selected])} FROM {self._ensure_table(leaf)}"

    def _ensure_table(self, leaf: str) -> str:
        if leaf not in self._tables_by_leaf:
            selected = [f"NULL::{CANONICAL_COLUMNS[name]} AS {name}" for name in HEADER_COLUMNS]
            count = len(self.inputs.fields_by_leaf[leaf])
            selected += [f"NULL::VARCHAR AS f{place}" for place in range(count)]
            self._tables_by_leaf[leaf] = self.temp_tables.create_table(
                f"SELECT {', '.join(selected)} WHERE FALSE"
            )
        return self._tables_by_leaf[leaf]
