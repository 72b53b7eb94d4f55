"""Whatever stands in the place of a value of a rule, what is wrong with it is said in our words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from collector.detect.language.block_model import BlockModel
from collector.detect.language.collector_block import CollectorBlock, parse_collector_block
from collector.detect.language.correlation_block import CorrelationBlock, parse_correlation
from collector.detect.language.rule_drafts import build_rule_draft
from collector.detect.language.rule_test_block import RecordBlock
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import NO_LISTS
from collector.errors import RulesError
from collector.rules.rule_files import EVENT_SCHEMA
from collector.yaml_source.nodes import YamlNode

FOREIGN = re.compile(
    r"Input|should be|[Ee]xtra inputs|permitted|another kind|pydantic|Field required"
)
WRONG = ({"a": {"b": 1}}, [[1]], [{"zz": 1}], "x", -1, 0.5, 10**30, float("nan"), True, None)

REQUIRED: dict[str, dict[str, Any]] = {
    "correlation": {"type": "event_count", "rules": ["r"], "timespan": "1h"},
}


def list_paths(model: type[BlockModel]) -> Iterator[tuple[str, ...]]:
    """The keys that lead to each value, through mappings and lists of mappings."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield (key,)
        for inner in list_models(field.annotation):
            for rest in list_paths(inner):
                yield (key, *rest)
                yield (key, "[]", *rest)
                yield (key, "any", *rest)


def list_models(annotation: Any) -> Iterator[type[BlockModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BlockModel):
        yield annotation
    for argument in get_args(annotation):
        yield from list_models(argument)


def wrap(path: tuple[str, ...], value: object) -> object:
    for step in reversed(path):
        value = [value] if step == "[]" else {step: value}
    return value


def list_messages(data: dict[str, Any], parse) -> list[str]:
    """What is wrong with a document of these keys."""
    document = YamlDocument(path=Path("rules.yml"), node=YamlNode(), data=data)
    try:
        parse(document)
    except RulesError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("key", "model", "parse"),
    [
        ("collector", CollectorBlock, parse_collector_block),
        ("correlation", CorrelationBlock, parse_correlation),
    ],
)
def test_every_key_of_a_block_refuses_in_our_words(key, model, parse):
    messages = [
        message
        for place in dict.fromkeys(list_paths(model))
        for wrong in WRONG
        for message in list_messages({key: {**REQUIRED.get(key, {}), **wrap(place, wrong)}}, parse)
    ]

    assert {"collector": 1000, "correlation": 100}[key] < len(messages)
    assert [] == sorted({each for each in messages if FOREIGN.search(each)})


RULE = {
    "title": "A rule",
    "id": "0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9c01",
    "name": "a-rule",
    "level": "low",
    "logsource": {"product": "salesforce", "service": "Login"},
    "detection": {"s": {"user_id": "x"}, "condition": "s"},
}
FURTHER_KEYS = ("tags", "status", "description", "references", "falsepositives", "date", "related")


def test_every_key_of_a_rule_and_of_an_event_of_its_tests_refuses_in_our_words():
    def parse(document: YamlDocument) -> None:
        build_rule_draft(document, EVENT_SCHEMA, NO_LISTS)

    events = [wrap(place, wrong) for place in list_paths(RecordBlock) for wrong in WRONG]
    tests = [{"name": "t", "events": [event], "expect": {}} for event in events]
    rules = [{**RULE, key: wrong} for key in (*RULE, *FURTHER_KEYS) for wrong in WRONG]
    rules += [{**RULE, "collector": {"tests": [test]}} for test in tests]

    messages = {message for rule in rules for message in list_messages(rule, parse)}

    assert 40 < len(messages)
    assert [] == sorted(each for each in messages if FOREIGN.search(each))
