"""Runs rules over no events, to find those that the engine refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from collector import engine
from collector.detect.event_schema import EventSchema
from collector.detect.language import window_columns
from collector.detect.predicates.field_columns import TEXT_TYPE
from collector.escaping import quote_identifier
from collector.model import Rule

BATCH_SIZE = 20
"""Queries that are combined into one, which is faster; few enough to plan it fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _DryRunQuery:
    """Expressions of a rule, and the types of the columns that they read, by name."""

    rule: str
    expressions: tuple[str, ...]
    columns: Mapping[str, str]


def find_refused_rules(
    rules: Sequence[Rule], variants: Sequence[Rule], schema: EventSchema
) -> Iterator[tuple[str, str]]:
    """The names of the rules that the engine refuses, each with its reason."""
    queries = [_build_event_query(rule, schema) for rule in (*rules, *variants)]
    queries += [
        _build_window_query(rule) for rule in rules if window_columns.list_window_columns(rule)
    ]
    refused: set[str] = set()
    with engine.open_engine() as connection:
        for start in range(0, len(queries), BATCH_SIZE):
            batch = queries[start : start + BATCH_SIZE]
            if _find_refusal(connection, batch) is None:
                continue
            for each in batch:  # which of them it is
                reason = _find_refusal(connection, [each])
                if reason is not None and each.rule not in refused:
                    refused.add(each.rule)
                    yield each.rule, reason


def _build_event_query(rule: Rule, schema: EventSchema) -> _DryRunQuery:
    columns = {
        name: schema.field_types.get(name, TEXT_TYPE) for name in (*rule.fields, "event_uid")
    }
    is_windowed = bool(window_columns.list_window_columns(rule))
    severity = () if is_windowed else _list_severity_predicates(rule)
    return _DryRunQuery(rule=rule.name, expressions=(rule.predicate, *severity), columns=columns)


def _build_window_query(rule: Rule) -> _DryRunQuery:
    return _DryRunQuery(
        rule=rule.name,
        expressions=_list_severity_predicates(rule),
        columns=window_columns.list_window_columns(rule),
    )


def _list_severity_predicates(rule: Rule) -> tuple[str, ...]:
    cases = tuple(each.predicate for each in rule.severity_cases)
    return (*cases, *(each.predicate for each in rule.severity_steps))


def _find_refusal(
    connection: duckdb.DuckDBPyConnection, queries: Sequence[_DryRunQuery]
) -> str | None:
    try:
        connection.execute(_combine_queries(queries))
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    return None


def _combine_queries(queries: Sequence[_DryRunQuery]) -> str:
    """One query for all of them, each over columns of its own."""
    return " UNION ALL ".join(
        f"SELECT 1 FROM (SELECT {_select_nulls(each.columns)}) AS events"
        f" WHERE {' AND '.join((*each.expressions, 'FALSE'))}"
        for each in queries
    )


def _select_nulls(columns: Mapping[str, str]) -> str:
    return ", ".join(
        f"CAST(NULL AS {kind}) AS {quote_identifier(name)}" for name, kind in columns.items()
    )
