"""The selections of a rule: what is to be asked of each part, and what was answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sigma.rule import SigmaDetections

from collector.detect.language.check_detection import item
from collector.detect.language.document import Document, Place
from collector.detect.lists import NONE, Lists
from collector.detect.lists.entries import ListEntry
from collector.detect.predicates import sql
from collector.detect.predicates.columns import Columns
from collector.detect.schema import Schema
from collector.model import Event, Rule

ADDED = "_filter"
"""What the names of selections begin with that come from a filter file."""

_LIST = re.compile("%(.+)%")

Answers: TypeAlias = Mapping[str, Any]
"""What the engine has said to each question, by its SQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A rule to be explained: with the detection that is run, and compiled for one event type."""

    rule: Rule
    document: Document
    event_type: str
    schema: Schema
    lists: Lists = NONE

    def physical(self, field: str) -> str:
        """The column that holds a field of these events."""
        return self.schema.physical(field, self.event_type)

    def columns(self) -> Columns:
        """The columns of these events."""
        return Columns(types=self.schema.canonical, physical=self.physical, lists=self.lists)


# ---- what is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    line: int | None
    key: str
    values: tuple[Any, ...]
    shown: tuple[str, ...]
    predicate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A selection with the SQL of each of its parts; `reads` are the columns that they need."""

    name: str
    line: int | None
    alternatives: tuple[tuple[_Item, ...], ...]
    predicate: str
    reads: frozenset[str]


def asked(subject: Subject) -> Iterator[Asked]:
    """The selections of the detection, whether the condition uses them or not."""
    detection = subject.document.data["detection"]
    for name, definition in detection.items():
        if name == "condition":
            continue
        columns = subject.columns()
        place: Place = ("detection", name)
        yield Asked(
            name=name,
            line=_line(subject, place),
            predicate=sql.predicate(_selected(definition), columns),
            alternatives=tuple(
                tuple(_item(subject, columns, each) for each in alternative)
                for alternative in _alternatives(definition, place)
            ),
            reads=frozenset(columns.read),
        )


def _line(subject: Subject, place: Place) -> int | None:
    return None if str(place[1]).startswith(ADDED) else subject.document.line(place)


def _selected(definition: Any) -> sql.Condition:
    """The condition of one selection, whatever it is called."""
    return (
        SigmaDetections.from_dict({"it": definition, "condition": "it"}).parsed_condition[0].parse()
    )


_Entry: TypeAlias = tuple[Place, str, Any]


def _alternatives(definition: Any, place: Place) -> Iterator[list[_Entry]]:
    """The items of a selection: all of a mapping, or those of any entry of a list."""
    if isinstance(definition, dict):
        yield [((*place, key), key, value) for key, value in definition.items()]
    elif isinstance(definition, list) and any(isinstance(e, dict | list) for e in definition):
        for position, entry in enumerate(definition):
            yield from _alternatives(entry, (*place, position))
    else:
        yield [(place, "", definition)]


def _item(subject: Subject, columns: Columns, entry: _Entry) -> _Item:
    place, key, value = entry
    field, *modifiers = key.split("|")
    values = tuple(value) if isinstance(value, list) else (value,)
    fields = [field] if field else list(sql.KEYWORD_FIELDS)
    if "fieldref" in modifiers:
        fields += [each for each in values if isinstance(each, str)]
    return _Item(
        line=_line(subject, place),
        key=key,
        values=values,
        shown=tuple(dict.fromkeys(map(subject.physical, fields))),
        predicate=sql.predicate(item(key or None, value), columns),
    )


def questions(parts: Sequence[Asked]) -> Iterator[str]:
    """All that the engine has to be asked, as SQL."""
    for part in parts:
        yield part.predicate
        yield from (each.predicate for alternative in part.alternatives for each in alternative)


# ---- what is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One `field|modifier: values` of a selection, and what the event has there.

    Attributes:
        line: None where a filter file has added it.
        key: empty for values without a field.
        found: the event's values by column, None where it has none.
        entries: those of lists that hold one of them.
    """

    line: int | None
    key: str
    values: tuple[Any, ...]
    found: Mapping[str, Any]
    holds: bool
    entries: tuple[ListEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A selection: it holds where all items of one of its alternatives do."""

    name: str
    line: int | None
    alternatives: tuple[tuple[Item, ...], ...]
    holds: bool


def answered(part: Asked, lists: Lists, answers: Answers, event: Event) -> Selection:
    """The selection, given what the engine has said of an event."""
    return Selection(
        name=part.name,
        line=part.line,
        holds=answers[part.predicate],
        alternatives=tuple(
            tuple(_answered_item(each, lists, answers, event) for each in alternative)
            for alternative in part.alternatives
        ),
    )


def _answered_item(each: _Item, lists: Lists, answers: Answers, event: Event) -> Item:
    found = {name: event.get(name) for name in each.shown}
    if not each.key:  # Of all the fields that a keyword is looked for in, those that say something.
        found = {name: value for name, value in found.items() if value is not None}
    holds = answers[each.predicate]
    return Item(
        line=each.line,
        key=each.key,
        values=each.values,
        found=found,
        holds=holds,
        entries=tuple(_entries(each, lists, event)) if holds else (),
    )


def _entries(each: _Item, lists: Lists, event: Event) -> Iterator[ListEntry]:
    names = [_LIST.fullmatch(str(value)) for value in each.values]
    if "expand" not in each.key.split("|"):
        return
    for name in (match[1] for match in names if match and match[1] in lists):
        for column in each.shown:
            entry = lists[name].find(str(event.get(column, "")), event["time"], field=column)
            if entry:
                yield entry
