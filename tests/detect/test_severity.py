"""Cases say how grave an event is, and steps make it graver."""

import pytest

from collector.detect.severity_sql import build_severity_sql
from collector.model import Severity, SeverityCase, SeverityStep
from fakes.model_samples import build_rule

INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL = Severity


def case(predicate, level):
    return SeverityCase(predicate=predicate, level=level)


def step(predicate, add=1, most=CRITICAL):
    return SeverityStep(predicate=predicate, increment=add, max_severity=most)


@pytest.mark.parametrize(
    ("cases", "steps", "expected"),
    [
        ((), (), MEDIUM),
        ((case("FALSE", CRITICAL), case("TRUE", LOW), case("TRUE", HIGH)), (), LOW),
        ((), (step("TRUE"),), HIGH),
        ((), (step("FALSE"),), MEDIUM),
        ((case("TRUE", LOW),), (step("TRUE"), step("TRUE")), HIGH),
        ((), (step("TRUE", add=4),), CRITICAL),
        ((), (step("TRUE", add=4, most=HIGH),), HIGH),
        ((case("TRUE", CRITICAL),), (step("TRUE", most=HIGH),), CRITICAL),
        ((case("TRUE", LOW),), (step("TRUE", most=MEDIUM), step("TRUE", most=HIGH)), HIGH),
        ((case("TRUE", LOW),), (step("TRUE", most=MEDIUM), step("FALSE", most=HIGH)), MEDIUM),
    ],
)
def test_the_first_case_that_holds_and_all_steps_that_hold(connection, cases, steps, expected):
    made = build_rule(level=MEDIUM, severity_cases=cases, severity_steps=steps)

    (found,) = connection.execute(f"SELECT {build_severity_sql(made)}").fetchone()

    assert expected == found
