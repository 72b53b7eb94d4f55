"""Problems of the tests inside a rule file, each at its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from collector.detect.language import rule_test_builder
from collector.detect.language.collector_block import COLLECTOR_KEY, CollectorBlock
from collector.detect.language.directory_samples import find_directory_problems
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.rule_test_block import (
    LIKE_KEY,
    REPEAT_KEY,
    RecordBlock,
    RepeatBlock,
    RuleTestBlock,
    split_record,
)
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import list_checks
from collector.errors import Problem
from collector.model.rule_tests import COPY_NUMBER
from collector.settings.error_sentences import build_error_sentence
from collector.yaml_source.nodes import YamlPath
from collector.yaml_source.suggestions import suggest_name

_IDENTITY_COLUMNS = frozenset({"EventIdentifier", "Id"})
"""What makes records one event, by the sources of objects."""


def find_rule_test_problems(
    document: YamlDocument, block: CollectorBlock, scope: FieldScope
) -> Iterator[Problem]:
    """The problems of a rule's tests, and of the defaults of their records, beyond their shape."""
    unreadable = [
        problem
        for name, record in block.defaults.items()
        for problem in _find_key_problems(
            document, _select_likeness(record), (COLLECTOR_KEY, "defaults", name)
        )
    ]
    if unreadable:
        yield from unreadable
        return
    for name, record in block.defaults.items():
        place: YamlPath = (COLLECTOR_KEY, "defaults", name)
        yield from _find_likeness_problems(document, record, block, place, scope)
        for key in split_record(record)[0].keys() - {LIKE_KEY}:
            message = f"{key!r} is of an event of a test, not of what events are like"
            yield document.build_problem((*place, key), message)
    for position, example in enumerate(block.tests):
        place = (COLLECTOR_KEY, "tests", position)
        yield from _find_test_problems(document, example, block, place, scope)
        yield from _find_list_problems(document, example, place, scope)
        yield from find_directory_problems(document, example, place)


# ---- records


def _select_likeness(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key == LIKE_KEY}


def _find_test_problems(
    document: YamlDocument,
    example: RuleTestBlock,
    block: CollectorBlock,
    place: YamlPath,
    scope: FieldScope,
) -> Iterator[Problem]:
    name = example.event_type
    if name is not None and (message := _find_type_problem(name, scope)):
        yield document.build_problem((*place, "event_type"), message)
    usual_type = scope.event_types[0] if len(scope.event_types) == 1 and name is None else name
    for position, record in enumerate(example.events):
        record_place: YamlPath = (*place, "events", position)
        unreadable = list(_find_key_problems(document, record, record_place))
        problems = unreadable or list(
            _find_likeness_problems(document, record, block, record_place, scope)
        )
        yield from problems
        if not problems:
            yield from _find_copy_problems(document, record, block, record_place)
            told_type = _find_told_type(record, block) or usual_type
            if message := _find_record_type_problem(told_type, scope):
                yield document.build_problem(record_place, message)


def _find_record_type_problem(event_type: str | None, scope: FieldScope) -> str | None:
    """What is wrong with the type of a record, if it has none, or one that is only computed."""
    if event_type is None:
        return "of which type? Give the test an 'event_type', or the event its EVENT_TYPE"
    return _explain_derived(event_type, scope)


def _find_type_problem(event_type: str, scope: FieldScope) -> str | None:
    problem = scope.schema.find_type_problem(event_type)
    return problem or _explain_derived(event_type, scope)


def _explain_derived(event_type: str, scope: FieldScope) -> str | None:
    sources = scope.schema.list_source_types(event_type)
    if not sources:
        return None
    return (
        f"no log has events of {event_type}, which is made of others: let it be like one of"
        f" {', '.join(sources)}"
    )


def _find_key_problems(
    document: YamlDocument, record: Mapping[str, Any], place: YamlPath
) -> Iterator[Problem]:
    try:
        RecordBlock.model_validate(split_record(record)[0])
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            key = str(details["loc"][-1])
            message = f"{key!r} {build_error_sentence(details['type'], details.get('ctx', {}))}"
            if details["type"] == "extra_forbidden":
                message = f"unknown key {key!r}{suggest_name(key, RepeatBlock.model_fields)}"
            elif details["type"] == "missing":
                message = f"missing key {key!r}"
            yield document.build_problem((*place, *details["loc"]), message)


def _find_likeness_problems(
    document: YamlDocument,
    record: Mapping[str, Any],
    block: CollectorBlock,
    place: YamlPath,
    scope: FieldScope,
) -> Iterator[Problem]:
    name = record.get(LIKE_KEY)
    if name is not None and name not in block.defaults:
        message = scope.schema.find_type_problem(str(name))
        if message and block.defaults:
            hint = suggest_name(str(name), block.defaults)
            message = f"{name!r} is none of the defaults and no event type{hint}"
        if message:
            yield document.build_problem((*place, LIKE_KEY), message)
    try:
        rule_test_builder.merge_defaults(record, block.defaults)
    except ValueError as error:
        yield document.build_problem((*place, LIKE_KEY), str(error))


def _find_copy_problems(
    document: YamlDocument, record: Mapping[str, Any], block: CollectorBlock, place: YamlPath
) -> Iterator[Problem]:
    """A problem of copies with one identity, which are one event."""
    values, _ = rule_test_builder.merge_defaults(record, block.defaults)
    for name in _IDENTITY_COLUMNS & values.keys() if REPEAT_KEY in record else ():
        if isinstance(values[name], str) and COPY_NUMBER not in values[name]:
            message = f"the copies are one event: write {COPY_NUMBER} into {name}, or leave it out"
            yield document.build_problem((*place, REPEAT_KEY), message)


def _find_told_type(record: Mapping[str, Any], block: CollectorBlock) -> str | None:
    """The event type that a record tells of itself, or is like; None where it tells none."""
    values, sample_type = rule_test_builder.merge_defaults(record, block.defaults)
    attributes = values.get("attributes")
    told = attributes.get("type") if isinstance(attributes, dict) else None
    told = told or values.get("EVENT_TYPE") or sample_type
    return None if told is None else str(told)


# ---- lists


def _find_list_problems(
    document: YamlDocument, example: RuleTestBlock, place: YamlPath, scope: FieldScope
) -> Iterator[Problem]:
    for name, entries in example.lists.items():
        list_place: YamlPath = (*place, "lists", name)
        if scope.lists.names and name not in scope.lists:
            message = f"unknown list {name!r}{suggest_name(name, scope.lists.names)}"
            yield document.build_problem(list_place, message)
        for position, entry in enumerate(entries):
            yield from list_checks.find_entry_problems(document, (*list_place, position), entry)
