"""Parameters that rules declare: where their values stand, and what is wrong with them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.detect import loader
from collector.errors import RulesError

EVERYWHERE = """\
logsource: {product: salesforce, service: ApiEvent}
detection:
  large: {record_count|gte: "%rows%", operation: ["%operation%", "100%", Export]}
  condition: large
collector:
  parameters:
    rows: {default: 10000, unit: rows, description: How many are many., min: 1}
    operation: {default: Query}
    span: {default: 6h, max: 1d}
    few: {default: 30}
  severity: [{field: metric, gte: "%rows%", level: high}]
  baseline:
    metric: sum
    field: record_count
    group_by: [user_id]
    window: "%span%"
    floor: "%rows%"
    minimum: "%few%"
  title: "%rows%"
"""


@pytest.fixture
def load(rule_file, schema):
    def load(body, **changes):
        return loader.load_rule_set([rule_file(body, **changes)], schema=schema)

    return load


@pytest.fixture
def problems(load):
    def find(body, **changes):
        with pytest.raises(RulesError) as caught:
            load(body, **changes)
        return [f"{each.line}:{each.column}: {each.message}" for each in caught.value.problems]

    return find


def test_values_stand_where_a_rule_needs_numbers_durations_and_texts(load):
    (rule,) = load(EVERYWHERE).rules

    assert ">= 10000" in rule.predicate
    assert all(f"'{text}'" in rule.predicate for text in ("query", "100%", "export"))
    assert ">= 10000" in rule.severity_cases[0].predicate
    aggregation = rule.aggregation
    assert (timedelta(hours=6), 10000, 30) == (
        aggregation.window,
        aggregation.floor,
        aggregation.minimum,
    )
    assert "%rows%" == rule.title  # a text for people


CORRELATION = """\
correlation:
  {type: event_count, rules: [login], group-by: [user_id], timespan: "%span%",
   condition: {gte: "%count%"}}
collector:
  parameters: {count: {default: 3}, span: {default: 30m}}
---
title: Login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: login
level: low
logsource: {product: salesforce, service: Login}
detection: {failed: {LOGIN_STATUS: failed}, condition: failed}
"""


def test_correlations_have_parameters(load):
    aggregation = load(CORRELATION).by_name["a-rule"].aggregation

    assert (3, timedelta(minutes=30)) == (aggregation.limit, aggregation.timespan)


def test_a_list_of_that_name_stays_a_list(problems):
    body = EVERYWHERE.replace('operation: ["%operation%"', 'operation|expand: ["%operation%"')

    assert "7:39: unknown list 'operation'" == problems(body)[0].partition(",")[0].partition(";")[0]


UNDECLARED = "is no parameter of this rule; declare it, as in collector: {parameters: "
WRONG = [
    ('gte: "%count%"', 'gte: "%limit%"', "7:16: '%limit%' is no parameter"),
    ("count: {default: 3}", "count: {default: true}", "9:24: 'default' must be a number, a"),
    ("count: {default: 3}", "count: {defalt: 3}", "9:24: unknown key 'defalt', did you mean"),
    ("count: {default: 3}", "count: {default: 3, min: 4}", "9:16: 'count' has a default that must"),
    ("count: {default: 3}", "count: {default: 3, min: 1h}", "9:16: 'count' has a 'min' that is of"),
    ("count: {default: 3}", "count: {default: three, max: 4}", "9:16: 'count' is a text, which"),
    ("count: {default: 3}", "Count: {default: 3}", "9:16: 'Count' must begin with a-z and go on"),
    ("span: {default: 30m}", "span: {default: 91d}", "6:60: 'timespan' must be at most 90d"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_is_told_at_its_place(problems, old, new, expected):
    assert old in CORRELATION
    found = problems(CORRELATION.replace(old, new))

    assert [expected] == [line[: len(expected)] for line in found if line.startswith(expected)]


def test_what_is_not_declared_is_refused_with_how_to_declare_it(problems):
    (found,) = problems(CORRELATION.replace("  parameters: {count", "  parameters: {size"))

    expected = f"'%count%' {UNDECLARED}{{count: {{default: 10, unit: …, description: …}}}}}}"
    assert found == f"7:16: {expected}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('gte: "%rows%", op', 'gte: "%row%", op', "'%row%' is no parameter of this rule, did"),
        ('["%operation%"', '["%opertion%"', "'%opertion%' is no parameter of this rule, did you"),
        ('floor: "%rows%"', 'floor: "%many%"', f"'%many%' {UNDECLARED}"),
    ],
)
def test_a_misspelt_name_is_told_with_the_nearest(problems, old, new, expected):
    (found,) = problems(EVERYWHERE.replace(old, new))

    assert expected in found
