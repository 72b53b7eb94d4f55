"""Matches of events of one type: one query finds candidates, then one per rule matches them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import duckdb

from collector.detect import dedup, title_template
from collector.detect.evaluation_errors import EVALUATION_ERRORS, describe_error
from collector.detect.event_rows import build_event, list_column_names
from collector.detect.lists import ValueLists, list_context
from collector.detect.predicates import case_folding
from collector.detect.ruleset import RuleSet
from collector.detect.severity_sql import build_severity_sql
from collector.detect.title_template import TitleTemplate
from collector.escaping import quote_identifier, truncate_text
from collector.evaluation.event_directory import EventDirectory
from collector.evaluation.matched_events import MatchedEvents
from collector.model import Event, Match, Rule, Severity
from collector.model.event_columns import ENTITY_COLUMNS

MAX_ENTITY_LENGTH = 500
PAGE_SIZE = 2_000
_POSITION_COLUMN = quote_identifier("#")  # no column of Salesforce's can have this name
_table_numbers = itertools.count()


class RuleMatcher:
    """Runs rules over events.

    Attributes:
        failures: the rules that failed while they ran, each with the reason, which quotes nothing
            of the events; the others went on. The caller clears it after reporting.
    """

    def __init__(self, rules: RuleSet) -> None:
        self.failures: dict[str, str] = {}
        self._rules = rules

    def find_matches(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        relation: str,
        columns: frozenset[str],
        event_type: str,
        org: str,
        directory: EventDirectory | None = None,
    ) -> Iterator[Match]:
        """The matches, rule by rule, each in the order of (time, event_uid).

        The gravest rules come first. Where a rule has many matches, the first of every rule come
        before the rest of any.

        Args:
            connection: of `engine`; may be used for other things between two matches.
            relation: an item of a FROM clause, with events of that type of that org alone.
            columns: its columns; those that rules need beyond them are NULL.
            event_type: the type of the events.
            org: the org whose events they are.
            directory: what completes the events: for what rules ask, all of them; with what titles,
                keys and severities read, and with names, those that match. None: nothing.

        Raises duckdb.Error when the relation itself cannot be read.
        """
        rules = self._rules.select_by_type(event_type)
        if not rules:
            return
        events = MatchedEvents(
            relation=relation,
            columns=columns,
            rules=rules,
            directory=directory or EventDirectory(),
            event_type=event_type,
        )
        table = quote_identifier(f"candidates_{next(_table_numbers)}")
        try:
            runnable_rules = self._copy_candidates(connection, events, rules, table)
            pages = [
                self._match_pages(connection, rule, table, org)
                for rule in sorted(runnable_rules, key=lambda rule: -rule.level)
            ]
            for rest_of_rule in pages:
                yield from next(rest_of_rule, [])
            for page in itertools.chain.from_iterable(pages):
                yield from page
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {table}")

    def _copy_candidates(
        self,
        connection: duckdb.DuckDBPyConnection,
        events: MatchedEvents,
        rules: Sequence[Rule],
        table: str,
    ) -> Sequence[Rule]:
        """Copy the events that any rule may match into a table; return the rules to run over it."""
        try:
            if not _fill_candidate_table(connection, events, rules, table):
                return ()
            return _select_matching_rules(connection, rules, table)
        except duckdb.Error:
            _probe_columns(connection, events, rules)
        asked = events.select_asked()
        runnable_rules = [rule for rule in rules if self._can_run(connection, asked, rule)]
        return (
            runnable_rules
            if runnable_rules and _fill_candidate_table(connection, events, runnable_rules, table)
            else ()
        )

    def _can_run(self, connection: duckdb.DuckDBPyConnection, events: str, rule: Rule) -> bool:
        try:
            connection.execute(f"SELECT count(*) FROM {events} WHERE {rule.predicate}").fetchall()
        except duckdb.Error as error:
            self.failures[rule.name] = describe_error(error)
            return False
        return True

    def _match_pages(
        self, connection: duckdb.DuckDBPyConnection, rule: Rule, table: str, org: str
    ) -> Iterator[list[Match]]:
        position = 0
        while True:
            try:
                template = title_template.parse_rule_title(rule)
                names, rows = _fetch_page(connection, rule, table, position)
                matches = [
                    _build_match(rule, template, org, names, row, lists=self._rules.lists)
                    for row in rows
                ]
            except EVALUATION_ERRORS as error:
                self.failures[rule.name] = describe_error(error)
                return
            yield matches
            if len(rows) < PAGE_SIZE:
                return
            position = rows[-1][1]


# ---- SQL


def _fill_candidate_table(
    connection: duckdb.DuckDBPyConnection, events: MatchedEvents, rules: Sequence[Rule], table: str
) -> bool:
    """Fill a table with the events that match any rule, in order; return whether there is one."""
    # Two steps: of every event only the columns of the rules are read, the others of few or none.
    select = case_folding.build_any_match_query(
        events.select_asked(), [rule.predicate for rule in rules], '"event_uid"'
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {select}")
    if not connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
        return False
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS"
        f' SELECT row_number() OVER (ORDER BY "time", "event_uid") AS {_POSITION_COLUMN}, *'
        f" FROM {events.select_whole(table)}"
    )
    return True


def _select_matching_rules(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], table: str
) -> list[Rule]:
    """The rules that match any of the candidates: one statement in place of one for each rule."""
    predicates = [rule.predicate for rule in rules]
    query = case_folding.build_match_answers_query(table, predicates)
    row = connection.execute(query).fetchone()
    return [rule for rule, answer in zip(rules, row or (), strict=True) if answer]


def _probe_columns(
    connection: duckdb.DuckDBPyConnection, events: MatchedEvents, rules: Sequence[Rule]
) -> None:
    """Raises duckdb.Error when reading the rules' columns fails, rather than a rule."""
    names = sorted({name.lower() for rule in rules for name in rule.condition_fields})
    counts = ", ".join(f"count({quote_identifier(name)})" for name in names)
    connection.execute(f"SELECT {counts or 'count(*)'} FROM {events.select_asked()}").fetchall()


def _fetch_page(
    connection: duckdb.DuckDBPyConnection, rule: Rule, table: str, position: int
) -> tuple[list[str], list[tuple[Any, ...]]]:
    result = connection.execute(
        f"SELECT {build_severity_sql(rule)}, * FROM {table} "
        f"WHERE {_POSITION_COLUMN} > {position} AND {rule.predicate}"
        f" ORDER BY {_POSITION_COLUMN} LIMIT {PAGE_SIZE}"
    )
    return list_column_names(result)[2:], result.fetchall()


# ---- rows


def _build_match(
    rule: Rule,
    template: TitleTemplate,
    org: str,
    names: Sequence[str],
    row: tuple[Any, ...],
    *,
    lists: ValueLists,
) -> Match:
    rank, _, *values = row
    event = build_event(names, values)
    return Match(
        org=org,
        rule=rule.name,
        event_uid=event["event_uid"],
        time=event["time"],
        received=event["received"],
        severity=Severity(rank),
        title=template.render_title(event),
        key=dedup.build_dedup_key(rule, event),
        entities=extract_entities(event),
        event=event,
        context=list_context.collect_list_context(rule, event, lists),
    )


def extract_entities(event: Event, names: Iterable[str] = ENTITY_COLUMNS) -> dict[str, str]:
    """Those of the columns that have a value in an event, each as text of a bounded length."""
    return {
        name: truncate_text(str(value), MAX_ENTITY_LENGTH)
        for name in names
        if (value := event.get(name)) is not None
    }
