"""The `directory` of a rule's test: what its org knows of users, apps, reports and objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.detect.language.rule_test_block import RuleTestBlock, parse_offset_or_moment
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.predicates.salesforce_ids import lengthen_id
from collector.directory.fields import ENTRY_FIELDS, ENTRY_KINDS, EntryField, EntryKind
from collector.errors import Problem
from collector.model import DirectorySample
from collector.yaml_source.nodes import YamlPath
from collector.yaml_source.suggestions import suggest_name

_ID_KEY, _START_KEY = "id", "valid_from"

_FIELDS: Mapping[EntryKind, Mapping[str, EntryField]] = {
    kind: {field.rule_name: field for field in fields} for kind, fields in ENTRY_FIELDS.items()
}
"""By kind, what is known of an entry, by the name that rules have for it."""


def find_directory_problems(
    document: YamlDocument, example: RuleTestBlock, place: YamlPath
) -> Iterator[Problem]:
    """What is wrong with the directory of a test, which stands at `place`."""
    for kind, entries in example.directory.items():
        kind_place: YamlPath = (*place, "directory", kind)
        known = next((each for each in ENTRY_KINDS if each == kind), None)
        if known is None:
            message = f"the directory has no {kind!r}{suggest_name(kind, ENTRY_KINDS)}"
            yield document.build_problem(kind_place, message)
            continue
        for position, entry in enumerate(entries):
            yield from _find_entry_problems(document, (*kind_place, position), known, entry)


def _find_entry_problems(
    document: YamlDocument, place: YamlPath, kind: EntryKind, entry: Mapping[str, Any]
) -> Iterator[Problem]:
    if not entry.get(_ID_KEY):
        yield document.build_problem(place, "missing key 'id': whom or what the entry is about")
    for key, value in entry.items():
        if message := _find_value_problem(kind, key, value):
            yield document.build_problem((*place, key), message)


def _find_value_problem(kind: EntryKind, key: str, value: object) -> str | None:
    if key == _ID_KEY:
        is_text = isinstance(value, str) or not value
        return None if is_text else "an id is text; put it into quotes"
    if key == _START_KEY:
        return _find_time_problem(key, value)
    field = _FIELDS[kind].get(key)
    if field is None:
        known = {_ID_KEY, _START_KEY, *_FIELDS[kind]}
        return f"the directory knows no {key!r} of {_name_kind(kind)}{suggest_name(key, known)}"
    return None if value is None else _find_type_problem(field, value)


def _name_kind(kind: EntryKind) -> str:
    return f"an {kind}" if kind in {"app", "object"} else f"a {kind}"


def _find_type_problem(field: EntryField, value: object) -> str | None:
    if field.separator is not None:
        is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return None if is_list else f"{field.rule_name!r} must be a list of texts"
    if field.sql_type == "TIMESTAMPTZ":
        return _find_time_problem(field.rule_name, value)
    if field.sql_type == "BOOLEAN":
        return None if isinstance(value, bool) else f"{field.rule_name!r} must be true or false"
    return None if isinstance(value, str) else f"{field.rule_name!r} must be text: put it in quotes"


def _find_time_problem(key: str, value: object) -> str | None:
    try:
        parse_offset_or_moment(value)
    except ValueError as error:
        return f"{key!r} {error}"
    return None


def build_directory(example: RuleTestBlock) -> Iterator[DirectorySample]:
    """The entries of a test in whose directory nothing is wrong."""
    for kind in ENTRY_KINDS:
        for entry in example.directory.get(kind, ()):
            yield DirectorySample(
                kind=kind,
                id=entry[_ID_KEY] if kind == "object" else lengthen_id(entry[_ID_KEY]),
                valid_from=parse_offset_or_moment(entry.get(_START_KEY, "+0s")),
                values={
                    field.key: _build_value(field, entry[name], example.start)
                    for name, field in _FIELDS[kind].items()
                    if entry.get(name) is not None
                },
            )


def _build_value(field: EntryField, value: Any, start: datetime) -> Any:
    """A value as entries are stored: moments are text."""
    if field.sql_type != "TIMESTAMPTZ":
        return value
    moment = parse_offset_or_moment(value)
    return (start + moment if isinstance(moment, timedelta) else moment).isoformat()
