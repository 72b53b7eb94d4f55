"""The selections of a rule: the SQL of each part, and the answers to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sigma.rule import SigmaDetections

from collector.detect.event_schema import EventSchema
from collector.detect.language.detection_checks import parse_item
from collector.detect.language.time_zones import read_time_zone
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import NO_LISTS, ValueLists
from collector.detect.lists.value_list import ListEntry
from collector.detect.predicates import condition_sql
from collector.detect.predicates.field_columns import FieldColumns
from collector.detect.predicates.sigma_extensions import PAIR
from collector.detect.tuning.event_conditions import TUNING_PREFIX
from collector.model import Event, Rule
from collector.model.event_columns import KEYWORD_COLUMNS
from collector.model.member_columns import split_members
from collector.yaml_source.nodes import YamlPath

FILTER_PREFIX = "_filter"
"""The prefix of the names of selections that come from a filter file."""

_LIST_REFERENCE = re.compile("%(.+)%")

EngineAnswers: TypeAlias = Mapping[str, Any]
"""The engine's answer to each question, by its SQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSubject:
    """A rule to be explained: with the detection that is run, and compiled for one event type."""

    rule: Rule
    document: YamlDocument
    event_type: str
    schema: EventSchema
    lists: ValueLists = NO_LISTS

    def find_column(self, field: str) -> str:
        """The column that holds a field of these events."""
        return self.schema.resolve_column(field, self.event_type)

    def build_columns(self) -> FieldColumns:
        """The columns of these events; where the rule tells of expired entries, these count."""
        tells_expired = self.rule.unexpired is not None
        return FieldColumns(
            column_types=self.schema.field_types,
            resolve_column=self.find_column,
            lists=self.lists,
            time_zone=read_time_zone(self.document),
            outliving_lists=self.lists.names if tells_expired else frozenset(),
        )


# ---- questions


@dataclass(frozen=True, slots=True, kw_only=True)
class _ItemQuestion:
    line: int | None
    key: str
    values: tuple[Any, ...]
    columns: tuple[str, ...]
    predicate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionQuestion:
    """A selection with the SQL of each of its parts; `read_columns` are those it needs."""

    name: str
    line: int | None
    origin: str
    alternatives: tuple[tuple[_ItemQuestion, ...], ...]
    predicate: str
    read_columns: frozenset[str]


def build_questions(subject: ExplainSubject) -> Iterator[SelectionQuestion]:
    """The selections of the detection, whether the condition uses them or not."""
    detection = subject.document.data["detection"]
    for name, definition in detection.items():
        if name == "condition":
            continue
        columns = subject.build_columns()
        place: YamlPath = ("detection", name)
        yield SelectionQuestion(
            name=name,
            line=_find_line(subject, place),
            origin=subject.document.describe_origin(place),
            predicate=condition_sql.compile_predicate(_parse_selection(definition), columns),
            alternatives=tuple(
                tuple(_build_item_question(subject, columns, each) for each in alternative)
                for alternative in _list_alternatives(definition, place)
            ),
            read_columns=frozenset(columns.accessed_columns),
        )


def _find_line(subject: ExplainSubject, place: YamlPath) -> int | None:
    """The line in the rule's file; None for what filters and tuning have added."""
    is_foreign = str(place[1]).startswith((FILTER_PREFIX, TUNING_PREFIX))
    return None if is_foreign else subject.document.find_line(place)


def _parse_selection(definition: Any) -> condition_sql.ConditionNode:
    """The condition of one selection, whatever it is called."""
    return (
        SigmaDetections.from_dict({"it": definition, "condition": "it"}).parsed_condition[0].parse()
    )


_RawItem: TypeAlias = tuple[YamlPath, str, Any]


def _list_alternatives(definition: Any, place: YamlPath) -> Iterator[list[_RawItem]]:
    """The items of a selection: all of a mapping, or those of any entry of a list."""
    if isinstance(definition, dict):
        yield [((*place, key), key, value) for key, value in definition.items()]
    elif isinstance(definition, list) and any(isinstance(e, dict | list) for e in definition):
        for position, entry in enumerate(definition):
            yield from _list_alternatives(entry, (*place, position))
    else:
        yield [(place, "", definition)]


def _build_item_question(
    subject: ExplainSubject, columns: FieldColumns, entry: _RawItem
) -> _ItemQuestion:
    place, key, value = entry
    field, *modifiers = key.split("|")
    values = tuple(value) if isinstance(value, list) else (value,)
    fields = [field] if field else list(KEYWORD_COLUMNS)
    if PAIR in modifiers:
        fields.append(values[1])
    if "fieldref" in modifiers:
        fields += [each for each in values if isinstance(each, str)]
    return _ItemQuestion(
        line=_find_line(subject, place),
        key=key,
        values=values,
        columns=tuple(dict.fromkeys(map(subject.find_column, fields))),
        predicate=condition_sql.compile_predicate(parse_item(key or None, value), columns),
    )


def list_predicates(parts: Sequence[SelectionQuestion]) -> Iterator[str]:
    """The SQL of every question."""
    for part in parts:
        yield part.predicate
        yield from (each.predicate for alternative in part.alternatives for each in alternative)


# ---- answers


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAnswer:
    """One `field|modifier: values` of a selection, and what the event has there.

    Attributes:
        line: None where a filter file or tuning has added it.
        key: empty for values without a field.
        event_values: the event's values by column, None where it has none.
        list_entries: the entries of lists that hold one of them.
    """

    line: int | None
    key: str
    values: tuple[Any, ...]
    event_values: Mapping[str, Any]
    holds: bool
    list_entries: tuple[ListEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionAnswer:
    """A selection: it holds where all items of one of its alternatives do.

    `origin` is where it was written, as path:line, if that is not the rule's file.
    """

    name: str
    line: int | None
    alternatives: tuple[tuple[ItemAnswer, ...], ...]
    holds: bool
    origin: str = ""


def answer_selection(
    part: SelectionQuestion, lists: ValueLists, answers: EngineAnswers, event: Event
) -> SelectionAnswer:
    """The selection's answer for an event, given the engine's answers."""
    return SelectionAnswer(
        name=part.name,
        line=part.line,
        origin=part.origin,
        holds=answers[part.predicate],
        alternatives=tuple(
            tuple(_answer_item(each, lists, answers, event) for each in alternative)
            for alternative in part.alternatives
        ),
    )


def _answer_item(
    item: _ItemQuestion, lists: ValueLists, answers: EngineAnswers, event: Event
) -> ItemAnswer:
    event_values = {name: event.get(name) for name in item.columns}
    if not item.key:  # Of all the fields that a keyword may be in, those with a value.
        event_values = {name: value for name, value in event_values.items() if value is not None}
    holds = answers[item.predicate]
    return ItemAnswer(
        line=item.line,
        key=item.key,
        values=item.values,
        event_values=event_values,
        holds=holds,
        list_entries=tuple(_find_list_entries(item, lists, event)) if holds else (),
    )


def _find_list_entries(item: _ItemQuestion, lists: ValueLists, event: Event) -> Iterator[ListEntry]:
    names = [_LIST_REFERENCE.fullmatch(str(value)) for value in item.values]
    if "expand" not in item.key.split("|"):
        return
    for name in (match[1] for match in names if match and match[1] in lists):
        for column in item.columns:
            for value in split_members(column, str(event.get(column, ""))):
                entry = lists[name].find_entry(value, event["time"], field=column)
                entry = entry or lists[name].find_expired_entry(value, event["time"], field=column)
                if entry:
                    yield entry
