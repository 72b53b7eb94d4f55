"""A ladder says which case and which steps made a severity, and stands on what the engine says."""

from __future__ import annotations

from itertools import product

import pytest

from collector.detect import loader
from collector.detect.explain import explain_window
from collector.model import Severity

RULES = """\
title: A login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: a-login
level: low
logsource: {product: salesforce, service: Login}
detection: {it: {user_id: root}, condition: it}
---
title: Many logins
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: many
level: medium
correlation:
  type: event_count
  rules: [a-login]
  group-by: [user_id]
  timespan: 1h
  condition: {gte: 2}
collector:
  severity:
    - {field: metric, gte: 100, level: high}
    - {field: metric, gte: 10, lte: 10, level: low}
  severity_step:
    - {field: user_id, eq: root, add: 2}
    - {field: event_count, lt: 3, max: high}
"""


@pytest.fixture
def judged(connection, schema, tmp_path):
    """The ladder of a correlation with two cases and two steps, for a window."""
    path = tmp_path / "rules.yml"
    path.write_text(RULES, encoding="utf-8")
    rules = loader.load_rule_set([path], schema=schema)
    made, written = rules.by_name["many"], rules.documents["many"]
    return lambda **values: explain_window(made, written, connection, values)


def test_rungs_stand_at_their_lines_in_words(judged):
    found = judged(metric=100, user_id="root")

    assert [(20, "metric ≥ 100", "high"), (21, "metric ≥ 10 and metric ≤ 10", "low")] == [
        (rung.line, rung.text, rung.effect) for rung in found.cases
    ]
    assert [
        (23, "user_id = root", "2 levels graver, critical at most"),
        (24, "event_count < 3", "1 level graver, high at most"),
    ] == [(rung.line, rung.text, rung.effect) for rung in found.steps]
    assert [{"user_id": "root"}, {"event_count": None}] == [
        rung.event_values for rung in found.steps
    ]


@pytest.mark.parametrize(
    ("values", "cases", "steps", "severity"),
    [
        ({}, [], [], Severity.MEDIUM),
        ({"metric": 200}, [0], [], Severity.HIGH),
        ({"metric": 10}, [1], [], Severity.LOW),
        ({"metric": 10, "user_id": "root"}, [1], [0], Severity.HIGH),
        ({"metric": 10, "user_id": "root", "event_count": 1}, [1], [0], Severity.HIGH),
        ({"metric": 10, "event_count": 1}, [1], [1], Severity.MEDIUM),
        ({"metric": 200, "user_id": "root", "event_count": 1}, [0], [0], Severity.CRITICAL),
        ({"user_id": "o'root"}, [], [], Severity.MEDIUM),
    ],
)
def test_what_decides_is_what_the_severity_comes_from(judged, values, cases, steps, severity):
    found = judged(**values)

    assert cases == [place for place, rung in enumerate(found.cases) if rung.is_decisive]
    assert steps == [place for place, rung in enumerate(found.steps) if rung.is_decisive]
    assert severity == found.severity


def test_the_severity_is_that_of_the_case_raised_by_each_step_that_decides(judged):
    """What is told in parts adds up to what the engine says of the whole."""
    for metric, user, count in product((None, 5, 10, 100), (None, "root"), (None, 1, 5)):
        found = judged(metric=metric, user_id=user, event_count=count)
        case = next((rung for rung in found.cases if rung.is_decisive), None)
        level = Severity.parse(case.effect) if case else found.level
        if found.steps[0].is_decisive:
            level = Severity(min(level + 2, Severity.CRITICAL))
        if found.steps[1].is_decisive:
            level = Severity(min(level + 1, Severity.HIGH))

        assert level == found.severity
