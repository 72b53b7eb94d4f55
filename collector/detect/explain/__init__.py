"""Explains the result of a rule for an event: the engine evaluates each part by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from collector.detect import dedup, title_template
from collector.detect.event_rows import build_event, list_column_names
from collector.detect.explain.questions import (
    EngineAnswers,
    ExplainSubject,
    SelectionAnswer,
    SelectionQuestion,
    answer_selection,
    build_questions,
    list_predicates,
)
from collector.detect.explain.severity_ladder import (
    LadderDefinition,
    SeverityLadder,
    evaluate_ladder,
    parse_ladder,
)
from collector.detect.language import window_columns
from collector.detect.language.yaml_document import YamlDocument
from collector.escaping import quote_identifier, quote_literal
from collector.model import Baseline, Event, Rule
from collector.model.rules import strip_copy_mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The result of a rule for one event, and why.

    Attributes:
        condition: as it is run; several are alternatives.
        ladder, title: the severity and title of the event by itself.
        key: the values that make events one episode, by column.

    A baseline raises alerts of windows, not of events: it has none of these three.
    """

    rule: str
    path: Path
    event: Event
    holds: bool
    condition: tuple[str, ...]
    condition_line: int
    selections: tuple[SelectionAnswer, ...]
    ladder: SeverityLadder | None = None
    key: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


def explain_events(
    subject: ExplainSubject,
    connection: duckdb.DuckDBPyConnection,
    *,
    relation: str,
    columns: frozenset[str],
) -> list[Explanation]:
    """The explanation of each event, in the order of their times.

    Args:
        subject: the rule.
        connection: of `engine`.
        relation: an item of a FROM clause, with events of the subject's type alone.
        columns: its columns; those that the rule needs beyond them are NULL.

    Raises duckdb.Error where the rule cannot be run on these events.
    """
    parts = tuple(build_questions(subject))
    steps = parse_ladder(subject.rule, subject.document, subject.find_column)
    ladder_questions = [] if isinstance(subject.rule.aggregation, Baseline) else steps.questions
    questions = [subject.rule.predicate, *list_predicates(parts), *ladder_questions]
    events = _pad_columns(relation, subject, parts, columns)
    rows = _ask_engine(connection, questions, f"{events} ORDER BY time, event_uid")
    return [_build_explanation(subject, parts, steps, answers, event) for answers, event in rows]


def explain_window(
    rule: Rule,
    document: YamlDocument,
    connection: duckdb.DuckDBPyConnection,
    values: Mapping[str, float | str | None],
) -> SeverityLadder:
    """The severity ladder of a rule over several events for a window with these columns."""
    steps = parse_ladder(rule, document, lambda field: field)
    window = ", ".join(
        f"CAST({_render_literal(values.get(name))} AS {kind}) AS {quote_identifier(name)}"
        for name, kind in window_columns.list_window_columns(rule).items()
    )
    ((answers, event),) = _ask_engine(connection, steps.questions, f"(SELECT {window})")
    return evaluate_ladder(steps, answers, event)


def _render_literal(value: float | str | None) -> str:
    return "NULL" if value is None else quote_literal(str(value))


def _ask_engine(
    connection: duckdb.DuckDBPyConnection, questions: Sequence[str], relation: str
) -> Iterator[tuple[EngineAnswers, Event]]:
    """For every row: the value of each expression, and the row without what is NULL."""
    distinct = list(dict.fromkeys(questions))
    expressions = "".join(f"{question}, " for question in distinct)
    result = connection.execute(f"SELECT {expressions}* FROM {relation}")
    names = list_column_names(result)[len(distinct) :]
    for row in result.fetchall():
        yield dict(zip(distinct, row, strict=False)), build_event(names, row[len(distinct) :])


def list_read_columns(subject: ExplainSubject) -> frozenset[str]:
    """The columns that are read of an event to explain it."""
    return _list_needed(subject, tuple(build_questions(subject)))


def _list_needed(subject: ExplainSubject, parts: Sequence[SelectionQuestion]) -> frozenset[str]:
    # A selection that the condition does not use reads what the rule does not.
    return subject.rule.fields.union(*(part.read_columns for part in parts))


def _pad_columns(
    relation: str,
    subject: ExplainSubject,
    parts: Sequence[SelectionQuestion],
    columns: frozenset[str],
) -> str:
    """The relation with the columns that are read and it does not have."""
    needed = _list_needed(subject, parts)
    present = {name.lower() for name in columns}
    missing = {name.lower(): name for name in sorted(needed) if name.lower() not in present}
    types = subject.schema.field_types
    nulls = "".join(
        f", CAST(NULL AS {types.get(name, 'VARCHAR')}) AS {quote_identifier(name)}"
        for name in missing.values()
    )
    return f"(SELECT *{nulls} FROM {relation}) AS events"


def _build_explanation(
    subject: ExplainSubject,
    parts: Sequence[SelectionQuestion],
    steps: LadderDefinition,
    answers: EngineAnswers,
    event: Event,
) -> Explanation:
    rule, document = subject.rule, subject.document
    condition = document.data["detection"]["condition"]
    explanation = Explanation(
        rule=strip_copy_mark(rule.name),
        path=rule.path,
        event=event,
        holds=answers[rule.predicate],
        condition=tuple(condition) if isinstance(condition, list) else (condition,),
        condition_line=document.find_line(("detection", "condition")),
        selections=tuple(answer_selection(part, subject.lists, answers, event) for part in parts),
    )
    if isinstance(rule.aggregation, Baseline):
        return explanation
    key = dedup.build_dedup_key(rule, event)
    template = title_template.parse_template(rule.title, rule.fields.__contains__)
    return replace(
        explanation,
        ladder=evaluate_ladder(steps, answers, event),
        key=dict(zip(_list_key_fields(rule, event), key, strict=True)),
        title=template.render_title(event),
    )


def _list_key_fields(rule: Rule, event: Event) -> tuple[str, ...]:
    """The columns whose values `dedup.key` takes."""
    for fields in (rule.dedup_key, rule.dedup_fallback):
        if any(event.get(field) not in (None, "") for field in fields):
            return fields
    return ("event_uid",)
