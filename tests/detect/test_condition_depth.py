"""Conditions that no parser should be given are refused at their line, and others are not."""

from __future__ import annotations

import pytest

from collector.detect import loader
from collector.detect.language.condition_depth import MAX_CONDITION_DEPTH, measure_depth
from collector.errors import RulesError

BODY = """\
logsource: {{product: salesforce, service: Login}}
detection:
  a: {{user_id: x}}
  b: {{user_id: y}}
  condition: {condition}
"""


@pytest.mark.parametrize(
    ("condition", "depth"),
    [
        ("a", 0),
        ("not a", 1),
        ("not a and not b", 1),
        ("(a or b) and (not b)", 2),
        ("((a))", 2),
        ("not (a and not (b or a))", 4),
        ("notable and (a)", 1),
        (" or ".join(["(a and b)"] * 3000), 1),
        ("not " * 3000 + "a", 3000),
        (")" * 10 + "(a", 1),
    ],
)
def test_the_depth_is_that_of_what_stands_around_a_word(condition, depth):
    assert measure_depth(condition) == depth


@pytest.mark.parametrize("deep", ["not " * 3000 + "a", "(a and " * 3000 + "b" + ")" * 3000])
@pytest.mark.parametrize("shown", ["{}", "[a, '{}']"])
def test_a_condition_that_is_too_deep_is_refused_at_its_line(deep, shown, rule_file, schema):
    path = rule_file(BODY.format(condition=shown.format(deep)))

    with pytest.raises(RulesError) as caught:
        loader.load_rule_set([path], schema=schema)

    (problem,) = caught.value.problems
    assert problem.message == "the condition is nested more than 50 levels deep"
    assert path.read_text().splitlines()[problem.line - 1].startswith("  condition: ")


def test_a_case_that_is_too_deep_is_refused_at_its_line(rule_file, schema):
    case = f"  severity:\n    - {{when: {'not ' * 3000}a, level: low}}\n"
    path = rule_file(BODY.format(condition="a") + f"collector:\n{case}")

    with pytest.raises(RulesError, match="nested more than 50 levels deep"):
        loader.load_rule_set([path], schema=schema)


def test_a_condition_as_deep_as_may_be_is_served(rule_file, schema):
    half = MAX_CONDITION_DEPTH // 2
    path = rule_file(BODY.format(condition="not (a and " * half + "b" + ")" * half))

    assert len(loader.load_rule_set([path], schema=schema).rules) == 1
