"""Files in the styles of public Sigma rules: each loads as it is, or says why not."""

from __future__ import annotations

import re
import uuid

import pytest

from collector.detect import loader
from collector.detect.lint import lint_rules
from collector.detect.lists import ValueList, ValueLists
from collector.errors import RulesError
from collector.rules.rule_files import EVENT_SCHEMA

HEAD = """\
title: A public rule
id: 1f3c9f60-0000-4000-8000-000000000001
status: test
description: Detects something that somebody should look at.
references:
    - https://example.com/research
author: 'Somebody @example, Somebody Else'
date: 2023/01/06
modified: 2024-02-07
tags:
    - attack.defense-evasion
    - attack.t1562.001
logsource:
    product: salesforce
    service: ApiEvent
"""
TAIL = """\
falsepositives:
    - Administrators
level: medium
"""

PLAIN = "a: {Operation: Query}, condition: a"

DETECTIONS = {
    "a selection called filter": (
        "selection: {Operation: Query}, filter: {UserAgent|contains: x},"
        " condition: selection and not filter"
    ),
    "optional filters": (
        "selection_a: {Operation: Query}, filter_main_null: {UserAgent: null},"
        " filter_optional_empty: {Query: ''},"
        " condition: all of selection_* and not 1 of filter_main_* and not 1 of filter_optional_*"
    ),
    "one of them": "selection1: {Query: a}, selection2: {Query: x}, condition: 1 of them",
    "all of them": "selection1: {Query: a}, selection2: {Query: x}, condition: all of them",
    "one of a pattern": "sel_1: {Operation: Query}, sel_2: {Query: x}, condition: 1 of sel_*",
    "a dash in a name": "sel-a: {Operation: Query}, condition: sel-a",
    "nested nots": (
        "a: {Operation: Query}, b: {Query|contains: x}, condition: not (a and not (b or not a))"
    ),
    "several conditions": "a: {Operation: Query}, b: {Query: x}, condition: [a, a and b]",
    "an unused selection": "a: {Operation: Query}, b: {Query: x}, condition: a",
    "keywords": "keywords: [AccessDeniedException, 'a*b', 4624], condition: keywords",
    "all keywords": "keywords: {'|all': [one, two]}, condition: keywords",
    "keywords beside fields": "a: [{Query: x}, plain], condition: a",
    "a list of mappings": (
        "selection: [{Operation: Query, UserAgent|startswith: a}, {Query|endswith: b}],"
        " condition: selection"
    ),
    "nothing and empty": "a: {Operation: [null, '', '-']}, condition: not a",
    "numbers and texts": "a: {RowsProcessed: [1, '2', 3.5]}, condition: a",
    "wildcards": r"a: {Query: ['*foo*', 'b?r', '\*', 'c:\\*\\x']}, condition: a",
    "contains all": "a: {Query|contains|all: [c, d]}, condition: a",
    "startswith": "a: {Query|startswith: [select, find]}, condition: a",
    "cased": "a: {Operation|cased: Query, Query|contains|cased: X}, condition: a",
    "not equal": "a: {Operation|neq: Query}, condition: a",
    "exists": "a: {UserId|exists: true}, b: {Query|exists: false}, condition: a and not b",
    "comparisons": "a: {RowsProcessed|gt: 5, RowsReturned|lte: 7.5}, condition: a",
    "windash": "a: {Query|windash|contains: ' -a'}, condition: a",
    "windash last": "a: {Query|contains|windash: ' /b'}, condition: a",
    "base64": "a: {Query|base64offset|contains: AKIA}, condition: a",
    "wide": "a: {Query|wide|base64: x}, condition: a",
    "wide by its long name": "a: {Query|utf16le|base64offset|contains: x}, condition: a",
    "a regular expression": r"a: {Query|re: '(?i)^select\s+.*'}, condition: a",
    "flags": "a: {Query|re|i|m|s: 'a.b'}, condition: a",
    "all expressions": "a: {Query|re|all: [a, b]}, condition: a",
    "networks": "a: {source_ip|cidr: [10.0.0.0/8, '2001:db8::/32']}, condition: not a",
    "field references": "a: {Username|fieldref: UserAgent}, condition: a",
    "parts of times": "a: {time|hour: [1, 2]}, condition: a",
    "lists": "a: {Username|expand: '%admins%'}, condition: a",
    "lists in capitals": "a: {Username|expand: '%Admins%'}, condition: a",
    "a timeframe": "a: {Operation: Query}, timeframe: 5m, condition: 1 of them",
}

METADATA = {
    "keys of one's own": (
        "level:",
        "explanation: |\n    Some.\ncomments: [a]\nreviewed: x\nlevel:",
    ),
    "a misspelt key": ("references:", "reference:"),
    "deprecated": ("status: test", "status: deprecated"),
    "unsupported": ("status: test", "status: unsupported"),
    "no status": ("status: test\n", ""),
    "one false positive": ("falsepositives:\n    - Administrators", "falsepositives: None known"),
    "no level": ("level: medium\n", ""),
    "related": ("level:", f"related: [{{id: {uuid.uuid4()}, type: derived}}]\nlevel:"),
    "a licence and fields": ("level:", "license: MIT\nscope: [server]\nfields: [a.b, C]\nlevel:"),
    "another date": ("2023/01/06", "2023/1/6"),
    "no dates": ("date: 2023/01/06\nmodified: 2024-02-07\n", ""),
    "unknown tags": ("attack.t1562.001", "attack.t10\n    - attack.m1234\n    - attack.T1078"),
    "a tactic's id": ("attack.t1562.001", "attack.ta0005"),
    "other tags": ("attack.t1562.001", "cve.2021-44228\n    - car.2013-05-009\n    - tlp.white"),
    "no tags": ("tags:\n    - attack.defense-evasion\n    - attack.t1562.001\n", ""),
    "no id": ("id: 1f3c9f60-0000-4000-8000-000000000001\n", ""),
    "a definition": ("service: ApiEvent", "service: ApiEvent\n    definition: Log it."),
    "a document's end": ("level: medium\n", "level: medium\n...\n"),
}

REFUSED = {
    "a count": (
        "a: {Operation: Query}, timeframe: 5m, condition: 'a | count() by UserId > 5'",
        "a pipe in a condition (count, near) is what correlations have replaced: write one of type",
    ),
    "a look-ahead": (
        "a: {Query|re: 'a(?!b)'}, condition: a",
        "no regular expression of RE2 (which has no look-around)",
    ),
    "a back-reference": (r"a: {Query|re: '(a)\1'}, condition: a", "no regular expression of RE2"),
    "another modifier": ("a: {Query|utf8: x}, condition: a", "modifier 'utf8' is not served"),
    "a comparison with text": ("a: {RowsProcessed|lt: '5'}, condition: a", "lt needs a number"),
    "an unknown list": ("a: {Query|expand: '%nobody%'}, condition: a", "unknown list 'nobody'"),
    "capital words": ("a: {Query: x}, condition: a AND a", "no condition: Expected end of text"),
    "an unknown field": ("a: {eventName: x}, condition: a", "ApiEvent has no field 'eventName'"),
}


def write(detection=PLAIN, change=("", "")):
    return (HEAD + f"detection: {{{detection}}}\n" + TAIL).replace(*change)


@pytest.fixture
def load(tmp_path):
    def load(*texts, name="aws_public_rule"):
        """The rules of files, each with a number behind the name and in its id; one has none."""
        for number, text in enumerate(texts):
            suffix = f"_{number}" if number else ""
            changed = text.replace("4000-8000-000000000001", f"4000-8000-{number:012d}")
            (tmp_path / f"{name}{suffix}.yml").write_text(changed)
        lists = ValueLists(by_name={"admins": ValueList(name="admins", entries=())})
        return loader.load_rule_set([tmp_path], schema=EVENT_SCHEMA, lists=lists)

    return load


def test_public_detections_load_as_they_are(load):
    assert 30 < len(DETECTIONS) == len(load(*map(write, DETECTIONS.values())).rules)


def test_public_metadata_load_as_they_are(load):
    rules = load(*(write(change=change) for change in METADATA.values()))

    assert len(METADATA) == len(rules.rules)
    assert {"medium"} == {str(each.level) for each in rules.rules}
    for rule in rules.rules:
        assert uuid.UUID(rule.id)
        assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", each) for each in rule.attack)
    list(lint_rules(rules, schema=EVENT_SCHEMA))


def test_what_cannot_be_served_says_why(load):
    with pytest.raises(RulesError) as caught:
        load(*(write(detection) for detection, _ in REFUSED.values()))

    found = {each.path.name: each.message for each in caught.value.problems}
    told = [found[name] for name in sorted(found)]
    assert len(REFUSED) == len(caught.value.problems)
    for message, (_, reason) in zip(told, REFUSED.values(), strict=True):
        assert message.startswith(reason)


def test_a_timeframe_selects_nothing(load):
    rules = load(write(DETECTIONS["a timeframe"]))

    assert load(write(PLAIN)).rules[0].predicate == rules.rules[0].predicate
    assert ["a timeframe means nothing beside this condition: a correlation has a timespan"] == [
        each.problem.message
        for each in lint_rules(rules, schema=EVENT_SCHEMA)
        if "timeframe" in each.problem.message
    ]


def test_a_rule_without_a_level_is_medium_and_lint_says_so(load):
    rules = load(write(change=METADATA["no level"]), write())
    warnings = [each.problem for each in lint_rules(rules, schema=EVENT_SCHEMA)]

    assert ["medium", "medium"] == [str(each.level) for each in rules.rules]
    assert [("aws_public_rule.yml", "no level: it is medium; how bad is what it tells of?")] == [
        (each.path.name, each.message) for each in warnings if "level" in each.message
    ]


def test_a_list_in_capitals_is_the_list(load):
    small, capital = load(write(DETECTIONS["lists"]), write(DETECTIONS["lists in capitals"])).rules

    assert ({"admins"}, {"admins"}) == (small.lists, capital.lists)
    assert small.predicate == capital.predicate


def test_wide_is_short_for_utf16le(load):
    both = [write(f"a: {{Query|{each}|base64: x}}, condition: a") for each in ("wide", "utf16le")]
    short, long = load(*both).rules

    assert short.predicate == long.predicate


def test_names_and_ids_come_from_the_file_and_stay_the_same(load):
    text = "---\n".join([write(change=METADATA["no id"])] * 3)
    first, again = (load(text, name="AWS: Public (rule)").rules for _ in range(2))

    assert ["aws-public-rule", "aws-public-rule-2", "aws-public-rule-3"] == [
        rule.name for rule in first
    ]
    assert [rule.id for rule in first] == [rule.id for rule in again]
    assert 3 == len({rule.id for rule in first})


def test_a_file_that_gives_no_name_needs_one(load):
    with pytest.raises(RulesError) as caught:
        load(write(), name="規則")

    assert ["missing key 'name'"] == [each.message for each in caught.value.problems]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (METADATA["a misspelt key"], ["unknown key 'reference', did you mean 'references'?"]),
        (METADATA["keys of one's own"], []),
        (METADATA["unknown tags"], ["'t10' is no", "'m1234' is no"]),
        (METADATA["a tactic's id"], []),
    ],
)
def test_what_is_odd_about_metadata_is_told(change, told, load):
    warnings = lint_rules(load(write(change=change)), schema=EVENT_SCHEMA)
    found = [each.problem.message for each in warnings]
    about = [each for each in found if each.startswith(("unknown key", "'"))]

    assert len(told) == len(about)
    assert all(each.startswith(start) for each, start in zip(about, told, strict=True))


def test_a_misspelt_block_is_refused(load):
    with pytest.raises(RulesError) as caught:
        load(write() + "colector: {alert: false}\n")

    assert ["unknown key 'colector', did you mean 'collector'?"] == [
        each.message for each in caught.value.problems
    ]
