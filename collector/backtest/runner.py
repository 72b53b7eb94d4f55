"""Runs a rule set over archive files: the alerts that its rules would have raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import duckdb

from collector.backtest import correlation_leaves, stateful_hits
from collector.backtest.archive_events import OrgArchive, render_since_filter
from collector.backtest.correlation_leaves import CorrelationInputs, LeafTables
from collector.backtest.dedup_keys import render_dedup_key
from collector.backtest.hits import BacktestResult, HitTable
from collector.backtest.single_events import ProgressCallback, ScanSink, SingleEventScan
from collector.clock import from_micros, to_micros
from collector.detect import RuleSet, correlation_sql, member_sql
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.detect.first_seen_sql import as_first_seen
from collector.detect.member_sql import is_remembering
from collector.detect.selected_events import RuleRelation
from collector.evaluation.rule_selection import ALL_TIME, RuleSelection
from collector.evaluation.temp_tables import open_temp_tables
from collector.model import Baseline, Correlation, FirstSeen, Rule

MEMORY_LIMIT = "700MB"
"""The memory limit of a backtest's engine, which keeps the process below a gigabyte."""

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
    """The result of each rule that alerts.

    Args:
        rules: a rule that fails has the reason in its result; the others go on.
        orgs: their events; each org is evaluated by itself.
        connection: that of the orgs, not used for anything else meanwhile.
        since: earlier events raise no alert, but count as the past of rules that need one.
        progress: called with the events read so far, in all about `estimate_effort`.
    """
    hits = HitTable(connection)
    alerting_rules = [rule for rule in rules.rules if rule.raises_alert]
    numbers = {rule.name: number for number, rule in enumerate(alerting_rules)}
    failures: dict[str, str] = {}
    for archive in orgs:

        def add_hits(rule: Rule, rows: str, org: str = archive.org) -> None:
            hits.add_hits(numbers[rule.name], rule, org, rows)

        _OrgBacktest(rules, archive, since=since, failures=failures).scan_events(add_hits, progress)
    return [
        BacktestResult(rule=rule, failure=failures[rule.name])
        if rule.name in failures
        else hits.build_result(number, rule)
        for number, rule in enumerate(alerting_rules)
    ]


def estimate_effort(
    rules: RuleSet, orgs: Sequence[OrgArchive], *, since: datetime = BEGINNING
) -> int:
    """The number of events to read, counted again for each rule that reads them separately."""
    return sum(
        _OrgBacktest(rules, archive, since=since, failures={}).estimate_effort() for archive in orgs
    )


class _OrgBacktest:
    """The backtest of one org, which adds the rules that fail to `failures`."""

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
        """Read all of its events and add their hits."""
        with open_temp_tables(self._archive.connection) as tables:
            leaf_tables = LeafTables(
                connection=self._archive.connection, inputs=self._inputs, temp_tables=tables
            )
            for event_type in self._list_types():
                sink = ScanSink(add_hits=add_hits, leaf_tables=leaf_tables)
                self._scan.scan_type(self._archive, event_type, sink, progress)
            for rule in self._list_remembering_leaves():
                self._keep_members(rule, leaf_tables)
                progress(self._estimate_stateful(rule, self._scan.leaves_since))
            select_hits = partial(self._select_correlation_hits, leaf_tables)
            for rule in self._inputs.correlations:
                self._propagate_failures(rule)
                self._try_rule(rule, add_hits, select_hits)
        for rule in self._list_stateful_rules():
            self._try_rule(rule, add_hits, self._select_stateful_hits)
            progress(self._estimate_stateful(rule, self._since))

    def estimate_effort(self) -> int:
        """The number of events that it reads."""
        single = sum(
            self._archive.count_rows(
                event_type, self._scan.find_start(self._scan.list_rules(event_type))
            )
            for event_type in self._list_types()
        )
        past = sum(
            self._estimate_stateful(rule, self._scan.leaves_since)
            for rule in self._list_remembering_leaves()
        )
        stateful = self._list_stateful_rules()
        return single + past + sum(self._estimate_stateful(rule, self._since) for rule in stateful)

    def _list_types(self) -> list[str]:
        return [name for name in self._archive.list_all_types() if self._scan.list_rules(name)]

    def _list_stateful_rules(self) -> Iterator[Rule]:
        for rule in self._rules.rules:
            if rule.raises_alert and isinstance(rule.aggregation, FirstSeen | Baseline):
                yield rule

    def _list_remembering_leaves(self) -> list[Rule]:
        """The rules with a past that correlations look at."""
        rules = (self._rules.by_name[name] for name in self._inputs.fields_by_leaf)
        return [rule for rule in rules if is_remembering(rule)]

    def _estimate_stateful(self, rule: Rule, since: datetime) -> int:
        types = rule.event_types or self._archive.list_stored_types()
        return sum(
            self._archive.count_rows(event_type, self._find_start(rule, since))
            for event_type in types
        )

    def _find_start(self, rule: Rule, since: datetime) -> datetime:
        """The time of the first events that a rule with a past reads for matches since a time."""
        if isinstance(rule.aggregation, Baseline) and self._since > BEGINNING:
            return from_micros(stateful_hits.compute_baseline_start(rule, since))
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

    # ---- hits of rules over several events: SQL, or empty where there are no events

    def _select_correlation_hits(self, leaf_tables: LeafTables, rule: Rule) -> str:
        members = correlation_sql.select_firing_events(
            rule,
            self._rules.by_name,
            leaf_tables.select_leaf,
            known_until=str(to_micros(self._archive.last_time)),
        )
        operator = rule.aggregation.operator if isinstance(rule.aggregation, Correlation) else None
        weight = f"coalesce({'-' if operator in {'lt', 'lte'} else ''}metric, 0)"
        uid = correlation_sql.render_match_uid(rule, self._rules.by_name)
        return (
            f"SELECT key, time, severity, 1 AS events FROM (SELECT {uid} AS uid, time, severity,"
            f" {render_dedup_key(rule)} AS key, {weight} AS weight FROM ({members}))"
            f" WHERE {render_since_filter(self._since)}"
            " QUALIFY row_number() OVER"
            " (PARTITION BY uid ORDER BY severity DESC, weight DESC, key DESC) = 1"
        )

    def _keep_members(self, rule: Rule, leaf_tables: LeafTables) -> None:
        """Of the events that a rule with a past looks at, leave those that it matches."""
        try:
            selection = self._select_events(rule)
            begin = self._find_start(rule, self._scan.leaves_since)
            if parts := list(selection.list_relations((begin, ALL_TIME[1]))):
                history_start = self._archive.find_first_time(selection.list_source_types())
                members = member_sql.select_members(parts, since=history_start)
                leaf_tables.keep_members(rule.name, members)
        except EVALUATION_ERRORS as error:
            self._failures[rule.name] = describe_error(error)

    def _select_events(self, rule: Rule) -> RuleSelection:
        return RuleSelection(
            rules=self._rules, rule=rule, events=self._archive.event_views, span=ALL_TIME
        )

    def _select_stateful_hits(self, rule: Rule) -> str:
        selection = self._select_events(rule)
        parts = list(
            selection.list_whole_relations((self._find_start(rule, self._since), ALL_TIME[1]))
        )
        if not parts:
            return ""
        if isinstance(rule.aggregation, Baseline):
            return stateful_hits.select_baseline_hits(rule, parts, self._since)
        return self._select_first_seen_hits(selection, parts)

    def _select_first_seen_hits(
        self, selection: RuleSelection, parts: Sequence[RuleRelation]
    ) -> str:
        learnt_at = (
            self._archive.find_first_time(selection.list_source_types())
            + as_first_seen(selection.rule).learn
        )
        return stateful_hits.select_first_seen_hits(parts, alerts_from=max(learnt_at, self._since))


def _compute_reach(rules: RuleSet, inputs: CorrelationInputs) -> timedelta:
    """The longest reach of a correlation."""
    reaches = (correlation_sql.compute_reach(rule, rules.by_name) for rule in inputs.correlations)
    return max(reaches, default=timedelta())
