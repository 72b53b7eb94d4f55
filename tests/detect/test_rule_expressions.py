"""Conditions over the names of rules: what they ask for, and what is wrong with others."""

from __future__ import annotations

import pytest

from collector.detect.language.rule_expression import parse_rule_expression
from collector.detect.loader import load_rule_set
from collector.errors import RulesError
from collector.rules.rule_files import EVENT_SCHEMA

RULES = """\
title: A and then no B
id: 00000000-0000-4000-8000-000000000003
name: a-not-b
level: high
correlation:
  type: TYPE
  rules: [a-rule, b-rule, c_rule]
  group-by: [user_id]
  timespan: 1h
  condition: CONDITION
MORE
"""
LEAF = """---
title: {name}
id: 00000000-0000-4000-8000-00000000010{number}
name: {name}
level: low
logsource: {{product: salesforce, service: Login}}
detection: {{s: {{outcome: failure}}, condition: s}}
"""


@pytest.fixture
def load(tmp_path):
    def load_all(condition, kind="temporal", more=""):
        text = RULES.replace("TYPE", kind).replace("CONDITION", condition).replace("MORE", more)
        names = enumerate(("a-rule", "b-rule", "c_rule"))
        text += "".join(LEAF.format(name=name, number=number) for number, name in names)
        path = tmp_path / "rules.yml"
        path.write_text(text, encoding="utf-8")
        return load_rule_set([path], schema=EVENT_SCHEMA)

    return load_all


@pytest.mark.parametrize(
    ("text", "present", "absent"),
    [
        ("a and not b", ("a",), ("b",)),
        ("not b-1 and A.x and c", ("a.x", "c"), ("b-1",)),
        ("a and not (b or c)", ("a",), ("b", "c")),
        ("not (not a or b)", ("a",), ("b",)),
        ("(a) and b", ("a", "b"), ()),
    ],
)
def test_it_is_read_as_what_is_there_and_what_is_not(text, present, absent):
    expression = parse_rule_expression(text)

    assert (expression.present, expression.absent) == (present, absent)


def test_a_rule_has_what_is_present_and_what_is_absent(load):
    over = load("c_rule and a-rule and not b-rule").by_name["a-not-b"]

    assert over.aggregation.present == ("a-rule", "c_rule")
    assert over.aggregation.absent == ("b-rule",)
    assert over.needed_correlated == 2
    assert not over.aggregation.is_monotonic
    assert load("a-rule and b-rule and c_rule").by_name["a-not-b"].aggregation.is_monotonic


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("a-rule or not b-rule", "10:3: 'condition' leaves open which of its rules is to be there"),
        ("a-rule and not (b-rule and c_rule)", "10:3: 'condition' leaves open which"),
        ("a-rule and", "10:3: 'condition' cannot be read as a condition over rules: join the"),
        ("not a-rule and not b-rule", "10:3: 'condition' asks for no rule that is to be there"),
        ("a-rule and not a-rule", "10:3: 'condition' 'a-rule' cannot be there and not be there"),
        ("a-rule and not b-rul and c_rule", "10:3: 'b-rul' is none of the 'rules', did you mean"),
        ("a-rule and not b-rule", "10:3: 'c_rule' is among the 'rules' and not in the condition"),
    ],
)
def test_what_is_wrong_is_told(load, condition, message):
    with pytest.raises(RulesError) as told:
        load(condition)

    assert any(message in str(each) for each in told.value.problems)


def test_other_types_have_a_limit(load):
    with pytest.raises(RulesError, match=r"event_count takes a limit such as \{gte: 3\}"):
        load("a-rule and not b-rule and not c_rule", kind="event_count")


def test_no_case_is_about_a_rule_that_must_not_match(load):
    case = "collector: {severity: [{when: b-rule, level: low}]}"
    with pytest.raises(RulesError, match="'when' of a correlation is the name of one of its rules"):
        load("a-rule and not b-rule and c_rule", more=case)


def test_no_correlation_looks_at_one_that_waits(load):
    outer = """---
title: Outer
id: 00000000-0000-4000-8000-000000000009
name: outer
level: high
correlation: {type: temporal, rules: [a-rule, a-not-b], group-by: [user_id], timespan: 1h}
"""
    with pytest.raises(RulesError, match="'a-not-b' tells that something did not come"):
        load("a-rule and not b-rule and not c_rule", more=outer)
