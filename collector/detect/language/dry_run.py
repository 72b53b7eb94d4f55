"""Runs rules over no events at all, so that none is refused by the engine when there are some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from collector import engine
from collector.detect.language import computed
from collector.detect.predicates.columns import TEXT
from collector.detect.schema import Schema
from collector.model import Rule
from collector.text import sql_identifier

AT_ONCE = 20
"""So many questions in one query, which is faster than one by one; few enough to plan it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """Expressions of a rule, and the columns that they are over, by their types."""

    rule: str
    expressions: tuple[str, ...]
    columns: Mapping[str, str]


def refusals(
    rules: Sequence[Rule], variants: Sequence[Rule], schema: Schema
) -> Iterator[tuple[str, str]]:
    """The names of the rules that the engine refuses, each with its reason."""
    questions = [_over_events(rule, schema) for rule in (*rules, *variants)]
    questions += [_over_windows(rule) for rule in rules if computed.columns(rule)]
    told: set[str] = set()
    with engine.connect() as connection:
        for start in range(0, len(questions), AT_ONCE):
            some = questions[start : start + AT_ONCE]
            if _refusal(connection, some) is None:
                continue
            for each in some:  # which of them it is
                reason = _refusal(connection, [each])
                if reason is not None and each.rule not in told:
                    told.add(each.rule)
                    yield each.rule, reason


def _over_events(rule: Rule, schema: Schema) -> _Question:
    columns = {name: schema.canonical.get(name, TEXT) for name in (*rule.fields, "event_uid")}
    judging = () if computed.columns(rule) else _judging(rule)
    return _Question(rule=rule.name, expressions=(rule.predicate, *judging), columns=columns)


def _over_windows(rule: Rule) -> _Question:
    return _Question(rule=rule.name, expressions=_judging(rule), columns=computed.columns(rule))


def _judging(rule: Rule) -> tuple[str, ...]:
    cases = tuple(each.predicate for each in rule.cases)
    return (*cases, *(each.predicate for each in rule.steps))


def _refusal(connection: duckdb.DuckDBPyConnection, questions: Sequence[_Question]) -> str | None:
    try:
        connection.execute(_query(questions))
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    return None


def _query(questions: Sequence[_Question]) -> str:
    """One query for all questions, each over columns of its own."""
    return " UNION ALL ".join(
        f"SELECT 1 FROM (SELECT {_empty(each.columns)}) AS events"
        f" WHERE {' AND '.join((*each.expressions, 'FALSE'))}"
        for each in questions
    )


def _empty(columns: Mapping[str, str]) -> str:
    return ", ".join(
        f"CAST(NULL AS {kind}) AS {sql_identifier(name)}" for name, kind in columns.items()
    )
