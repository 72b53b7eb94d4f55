"""Runs a rule set over archive files: what its rules would have told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import duckdb

from collector.backtest import correlation_leaves, stateful_hits
from collector.backtest.archive_events import OrgArchive, render_since_filter
from collector.backtest.correlation_leaves import CorrelationInputs, LeafTables
from collector.backtest.dedup_keys import render_dedup_key
from collector.backtest.hits import BacktestResult, HitTable
from collector.backtest.single_events import ProgressCallback, ScanSink, SingleEventScan
from collector.clock import from_micros
from collector.detect import RuleSet, correlation_sql
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.detect.first_seen_sql import as_first_seen
from collector.detect.selected_events import RuleRelation
from collector.evaluation.rule_selection import ALL_TIME, RuleSelection
from collector.evaluation.temp_tables import open_temp_tables
from collector.model import Baseline, Correlation, FirstSeen, Rule

MEMORY_LIMIT = "700MB"
"""What the engine of a backtest is to hold, so that the process stays below a gigabyte."""

BEGINNING = ALL_TIME[0]
"""Before all events."""

AddHits: TypeAlias = Callable[[Rule, str], None]
"""Takes hits of a rule, as a SELECT (`HitTable.add_hits`)."""


def run_backtest(
    rules: RuleSet,
    orgs: Sequence[OrgArchive],
    *,
    connection: duckdb.DuckDBPyConnection,
    since: datetime = BEGINNING,
    progress: ProgressCallback = lambda _: None,
) -> list[BacktestResult]:
    """What each rule that alerts would have told.

    Args:
        rules: a rule that fails says so in its verdict; the others go on.
        orgs: their events; each org is looked at by itself.
        connection: that of the orgs, not used for anything else meanwhile.
        since: nothing before that is told; rules that need a past look at it still.
        progress: is called for every part that was done, in all for about `estimate_effort` events.
    """
    hits = HitTable(connection)
    told = [rule for rule in rules.rules if rule.raises_alert]
    numbers = {rule.name: number for number, rule in enumerate(told)}
    failures: dict[str, str] = {}
    for kept in orgs:

        def add_hits(rule: Rule, rows: str, org: str = kept.org) -> None:
            hits.add_hits(numbers[rule.name], rule, org, rows)

        _OrgBacktest(rules, kept, since=since, failures=failures).scan_events(add_hits, progress)
    return [
        BacktestResult(rule=rule, failure=failures[rule.name])
        if rule.name in failures
        else hits.build_result(number, rule)
        for number, rule in enumerate(told)
    ]


def estimate_effort(
    rules: RuleSet, orgs: Sequence[OrgArchive], *, since: datetime = BEGINNING
) -> int:
    """How many events are looked at, those that several rules read apart several times."""
    return sum(
        _OrgBacktest(rules, kept, since=since, failures={}).estimate_effort() for kept in orgs
    )


class _OrgBacktest:
    """One org on its way through a backtest. `failures` grows with the rules that fail."""

    def __init__(
        self,
        rules: RuleSet,
        archive: OrgArchive,
        *,
        since: datetime,
        failures: dict[str, str],
    ) -> None:
        self._rules = rules
        self._archive = archive
        self._since = since
        self._failures = failures
        self._inputs = correlation_leaves.collect_inputs(rules)
        self._scan = SingleEventScan(
            rules=rules,
            inputs=self._inputs,
            since=since,
            leaves_since=since - _compute_reach(rules, self._inputs),
            failures=failures,
        )

    def scan_events(self, add_hits: AddHits, progress: ProgressCallback) -> None:
        """Look at all of its events."""
        with open_temp_tables(self._archive.connection) as made:
            pieces = LeafTables(
                connection=self._archive.connection, inputs=self._inputs, temp_tables=made
            )
            for event_type in self._list_types():
                keep = ScanSink(add_hits=add_hits, leaf_tables=pieces)
                self._scan.scan_type(self._archive, event_type, keep, progress)
            for rule in self._inputs.correlations:
                self._propagate_failures(rule)
                self._try_rule(
                    rule, add_hits, lambda each: self._select_correlation_hits(each, pieces)
                )
        for rule in self._list_stateful_rules():
            self._try_rule(rule, add_hits, self._select_stateful_hits)
            progress(self._estimate_stateful(rule))

    def estimate_effort(self) -> int:
        """How many events it looks at."""
        single = sum(
            self._archive.count_rows(
                event_type, self._scan.find_start(self._scan.list_rules(event_type))
            )
            for event_type in self._list_types()
        )
        return single + sum(map(self._estimate_stateful, self._list_stateful_rules()))

    def _list_types(self) -> list[str]:
        return [name for name in self._archive.list_all_types() if self._scan.list_rules(name)]

    def _list_stateful_rules(self) -> Iterator[Rule]:
        for rule in self._rules.rules:
            if rule.raises_alert and isinstance(rule.aggregation, FirstSeen | Baseline):
                yield rule

    def _estimate_stateful(self, rule: Rule) -> int:
        types = rule.event_types or self._archive.list_stored_types()
        return sum(
            self._archive.count_rows(event_type, self._find_start(rule)) for event_type in types
        )

    def _find_start(self, rule: Rule) -> datetime:
        """From when on events count for a rule with a past."""
        if isinstance(rule.aggregation, Baseline) and self._since > BEGINNING:
            return from_micros(stateful_hits.compute_baseline_start(rule, self._since))
        return BEGINNING

    def _try_rule(self, rule: Rule, add_hits: AddHits, select_hits: Callable[[Rule], str]) -> None:
        if rule.name in self._failures:
            return
        try:
            if rows := select_hits(rule):
                add_hits(rule, rows)
        except EVALUATION_ERRORS as error:
            self._failures[rule.name] = describe_error(error)

    def _propagate_failures(self, rule: Rule) -> None:
        """A correlation fails with any of the rules that it looks at."""
        for leaf in self._inputs.leaves_by_rule[rule.name]:
            if leaf in self._failures:
                self._failures.setdefault(rule.name, self._failures[leaf])

    # ---- what rules that look at several events find: SQL, or nothing where there are none

    def _select_correlation_hits(self, rule: Rule, leaf_tables: LeafTables) -> str:
        members = correlation_sql.select_firing_events(
            rule, self._rules.by_name, leaf_tables.select_leaf
        )
        falls = isinstance(rule.aggregation, Correlation) and rule.aggregation.operator in {
            "lt",
            "lte",
        }
        weight = f"coalesce({'-' if falls else ''}metric, 0)"
        uid = correlation_sql.render_match_uid(rule, self._rules.by_name)
        return (
            f"SELECT key, time, severity, 1 AS events FROM (SELECT {uid} AS uid, time, severity,"
            f" {render_dedup_key(rule)} AS key, {weight} AS weight FROM ({members}))"
            f" WHERE {render_since_filter(self._since)}"
            " QUALIFY row_number() OVER"
            " (PARTITION BY uid ORDER BY severity DESC, weight DESC, key DESC) = 1"
        )

    def _select_stateful_hits(self, rule: Rule) -> str:
        selection = RuleSelection(
            rules=self._rules, rule=rule, events=self._archive.event_views, span=ALL_TIME
        )
        parts = list(selection.list_relations((self._find_start(rule), ALL_TIME[1])))
        if not parts:
            return ""
        if isinstance(rule.aggregation, Baseline):
            return stateful_hits.select_baseline_hits(rule, parts, self._since)
        return self._select_first_seen_hits(selection, parts)

    def _select_first_seen_hits(
        self, selection: RuleSelection, parts: Sequence[RuleRelation]
    ) -> str:
        learnt = (
            self._archive.find_first_time(selection.list_source_types())
            + as_first_seen(selection.rule).learn
        )
        return stateful_hits.select_first_seen_hits(parts, alerts_from=max(learnt, self._since))


def _compute_reach(rules: RuleSet, inputs: CorrelationInputs) -> timedelta:
    """How far back correlations look."""
    reaches = (correlation_sql.compute_reach(rule, rules.by_name) for rule in inputs.correlations)
    return max(reaches, default=timedelta())
