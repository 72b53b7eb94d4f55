"""What the engine refuses of rules, before there are events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.detect.language import dry_run
from collector.model import Baseline, Correlation, Severity, SeverityCase, SeverityStep
from fakes.model_samples import build_rule

BURST = Correlation(
    type="event_count",
    rules=("odd-login",),
    group_by=("user_id",),
    timespan=timedelta(hours=1),
    operator="gte",
    limit=5,
)
USUAL = Baseline(
    metric="count",
    field=None,
    group_by=("user_id",),
    window=timedelta(hours=1),
    history=timedelta(days=30),
    deviations=3,
    floor=0,
    minimum=20,
)


def case(predicate):
    return (SeverityCase(predicate=predicate, level=Severity.HIGH),)


def step(predicate):
    return (SeverityStep(predicate=predicate, increment=1, max_severity=Severity.HIGH),)


FINE = [
    build_rule(predicate='"user_id" = 1::VARCHAR', fields=frozenset({"user_id"})),
    build_rule(
        predicate="FALSE",
        aggregation=BURST,
        severity_cases=case('"metric" > 5'),
        severity_steps=step("\"user_id\" = ''"),
    ),
    build_rule(aggregation=USUAL, severity_cases=case('"mean" > "deviations"')),
]


def test_rules_that_can_run_are_not_refused(schema):
    assert [] == list(dry_run.find_refused_rules(FINE, FINE[:1], schema))


WRONG = [
    build_rule(predicate='"nothing" = 5'),
    build_rule(severity_cases=case('"metric" > 5')),
    build_rule(severity_steps=step("time > 5")),
    build_rule(predicate="FALSE", aggregation=BURST, severity_cases=case('"mean" > 5')),
    build_rule(predicate="FALSE", aggregation=BURST, severity_steps=step('"source_ip" > 5')),
    build_rule(predicate='"nothing"', aggregation=USUAL),
    build_rule(aggregation=USUAL, severity_cases=case('"record_count" > 5')),
]


def test_a_rule_is_asked_about_in_each_of_its_variants(schema):
    ((name, _),) = dry_run.find_refused_rules(FINE, [build_rule(predicate="nothing")], schema)

    assert "odd-login" == name


@pytest.mark.parametrize("wrong", WRONG)
def test_a_rule_that_cannot_run_is_named_among_the_others(wrong, schema):
    named = [replace(each, name=f"fine-{n}") for n, each in enumerate(FINE * dry_run.BATCH_SIZE)]

    ((name, reason),) = dry_run.find_refused_rules([*named, wrong], [], schema)

    assert "odd-login" == name
    assert "Binder Error" in reason
    assert "\n" not in reason
