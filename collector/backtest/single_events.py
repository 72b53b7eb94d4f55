"""Reads every event of an org once, for all rules of its type together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import duckdb

from collector.backtest.archive_events import OrgArchive, render_since_filter
from collector.backtest.correlation_leaves import CorrelationInputs, LeafTables
from collector.backtest.dedup_keys import render_dedup_key
from collector.detect import RuleSet
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.detect.predicates import case_folding
from collector.detect.severity_sql import build_severity_sql
from collector.escaping import quote_identifier
from collector.evaluation.temp_tables import TempTables, open_temp_tables
from collector.model import Rule
from collector.model.event_columns import HEADER_COLUMNS
from collector.normalize import DERIVED_EVENT_TYPES

GATHER_LIMIT = 500_000
"""The number of candidate events that are gathered before each rule runs over them."""

ProgressCallback: TypeAlias = Callable[[int], None]
"""Called with the number of events that were read since the last call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSink:
    """Receives the hits of a rule, as a SELECT, and the events for correlations."""

    add_hits: Callable[[Rule, str], None]
    leaf_tables: LeafTables


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleEventScan:
    """Rules over single events, for themselves or for correlations.

    Attributes:
        rules: the rule set.
        inputs: what correlations look at.
        since: earlier events raise no alert.
        leaves_since: from then on correlations need events.
        failures: rules that could not be run, with the reason.
    """

    rules: RuleSet
    inputs: CorrelationInputs
    since: datetime
    leaves_since: datetime
    failures: dict[str, str]

    def list_rules(self, event_type: str) -> list[Rule]:
        """The rules over single events of a type that have not failed."""
        return [
            rule
            for rule in self.rules.select_by_type(event_type)
            if rule.name not in self.failures
            and (has_own_alerts(rule) or rule.name in self.inputs.fields_by_leaf)
            # A rule about every type looks at logged events, not at derived ones.
            and (rule.event_types or event_type not in DERIVED_EVENT_TYPES)
        ]

    def find_start(self, rules: Sequence[Rule]) -> datetime:
        """The time of the first events that these rules need."""
        has_leaf = any(rule.name in self.inputs.fields_by_leaf for rule in rules)
        return self.leaves_since if has_leaf else self.since

    def scan_type(
        self, archive: OrgArchive, event_type: str, sink: ScanSink, progress: ProgressCallback
    ) -> None:
        """Read all events of a type and pass hits and leaf events to the sink."""
        rules = self.list_rules(event_type)
        begin, needs = self.find_start(rules), self._list_needed_columns(rules, event_type)
        with open_temp_tables(archive.connection) as tables:
            gathered = _GatheredEvents(
                connection=archive.connection, needs=needs, temp_tables=tables
            )
            try:
                for relation, count in archive.split_chunks(event_type, needs, begin):
                    rules = self._gather_events(gathered, rules, relation)
                    if gathered.count >= GATHER_LIMIT:
                        self._apply_rules(gathered, rules, event_type, sink)
                    progress(count)
            except EVALUATION_ERRORS as error:  # the events, not a rule, cannot be read
                self.failures.update((rule.name, describe_error(error)) for rule in rules)
                return
            self._apply_rules(gathered, rules, event_type, sink)

    def _list_needed_columns(self, rules: Sequence[Rule], event_type: str) -> list[str]:
        names = [*HEADER_COLUMNS, *(name for rule in rules for name in _list_counted_fields(rule))]
        for rule in rules:
            if rule.name in self.inputs.fields_by_leaf:
                names += self.inputs.list_columns(rule.name, event_type)
        return sorted({name.lower(): name for name in names}.values())

    def _gather_events(
        self, gathered: _GatheredEvents, rules: list[Rule], relation: str
    ) -> list[Rule]:
        """Gather the events of a FROM item that any rule matches; return the rules that can run."""
        try:
            gathered.add_events(rules, relation)
        except duckdb.Error:
            rules = [rule for rule in rules if self._can_run_rule(gathered, rule, relation)]
            gathered.add_events(rules, relation)
        return rules

    def _can_run_rule(self, gathered: _GatheredEvents, rule: Rule, relation: str) -> bool:
        try:
            gathered.connection.execute(
                f"SELECT count(*) FROM {relation} AS events WHERE {rule.predicate}"
            ).fetchall()
        except duckdb.Error as error:
            self.failures[rule.name] = describe_error(error)
            return False
        return True

    def _apply_rules(
        self, gathered: _GatheredEvents, rules: Sequence[Rule], event_type: str, sink: ScanSink
    ) -> None:
        """Run each rule over the gathered events, and clear them."""
        for rule in rules if gathered.count else ():
            try:
                self._apply_rule(rule, event_type, gathered.table, sink)
            except EVALUATION_ERRORS as error:
                self.failures[rule.name] = describe_error(error)
        gathered.clear_events()

    def _apply_rule(self, rule: Rule, event_type: str, table: str, sink: ScanSink) -> None:
        if has_own_alerts(rule):
            sink.add_hits(
                rule,
                f'SELECT {render_dedup_key(rule)} AS key, "time",'
                f" {build_severity_sql(rule)} AS severity, 1 AS events FROM {table} AS events"
                f" WHERE {rule.predicate} AND {render_since_filter(self.since)}",
            )
        if rule.name in self.inputs.fields_by_leaf:
            sink.leaf_tables.add_events(rule, event_type, table)


def _list_counted_fields(rule: Rule) -> Iterator[str]:
    """The fields by which alerts are counted: all but those that only titles show."""
    yield from rule.condition_fields
    if has_own_alerts(rule):
        yield from (*rule.severity_fields, *rule.dedup_key, *rule.dedup_fallback)


def has_own_alerts(rule: Rule) -> bool:
    """Whether a rule raises alerts of single events."""
    return rule.raises_alert and rule.aggregation is None


@dataclass(slots=True, kw_only=True)
class _GatheredEvents:
    """The events of one type that any rule matches, with the columns that rules need."""

    connection: duckdb.DuckDBPyConnection
    needs: Sequence[str]
    temp_tables: TempTables
    table: str = ""
    count: int = 0

    def add_events(self, rules: Sequence[Rule], relation: str) -> None:
        """Add the matching events of a FROM item. Raises duckdb.Error."""
        if not rules:
            return
        columns = ", ".join(map(quote_identifier, self.needs))
        select = case_folding.build_any_match_query(
            relation, [rule.predicate for rule in rules], columns
        )
        if self.table:
            self.connection.execute(f"INSERT INTO {self.table} {select}")
        else:
            self.table = self.temp_tables.create_table(select)
        result = self.connection.execute(f"SELECT count(*) FROM {self.table}")
        (self.count,) = result.fetchone() or (0,)

    def clear_events(self) -> None:
        """Drop them."""
        self.temp_tables.drop_tables()
        self.table, self.count = "", 0
