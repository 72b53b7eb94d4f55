"""What is usual for a group, when a window is more than that, and how grave that is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector import engine
from collector.detect import baseline_sql
from collector.detect.baseline_stats import BaselineStats, compute_lowest_alert
from collector.model import Baseline, Severity, SeverityCase, SeverityStep
from fakes.model_samples import NOON, build_rule

OVER = Baseline(
    metric="sum",
    field="record_count",
    group_by=("user_id",),
    window=timedelta(hours=1),
    history=timedelta(days=30),
    deviations=2.0,
    floor=5.0,
    minimum=2,
    cold_start=100.0,
)


def usual(*values):
    squares = sum(value * value for value in values)
    return BaselineStats(window_count=len(values), total=sum(values), sum_of_squares=squares)


def test_mean_and_deviation_are_those_of_the_population():
    assert (5.0, 2.0) == (usual(3, 7).mean, usual(3, 7).standard_deviation)
    assert 1.5 == usual(3, 7).count_deviations(8)


def test_without_a_past_or_without_deviation_nothing_is_so_many_deviations():
    assert (None, None) == (usual().mean, usual().count_deviations(8))
    assert usual(5, 5).count_deviations(8) is None


@pytest.mark.parametrize(
    ("past", "value", "fires"),
    [
        ((3, 7), 9, False),
        ((3, 7), 9.01, True),
        ((1, 1), 4, False),
        ((1, 1), 5, True),
        ((6, 6), 6, False),
        ((6,), 99, False),
        ((6,), 100, True),
        ((), 100, True),
    ],
)
def test_a_window_is_told_by_its_past_or_as_a_new_group_by_itself(past, value, fires):
    assert fires is usual(*past).is_exceeded(OVER, value)


@pytest.mark.parametrize(
    ("past", "value", "fires"),
    [((3, 7), 49, False), ((3, 7), 50, True), ((0, 0), 5, True), ((6,), 99, False)],
)
def test_a_window_may_have_to_be_so_many_times_the_mean(past, value, fires):
    ratio = replace(OVER, deviations=0.0, times_mean=10.0)

    assert fires is usual(*past).is_exceeded(ratio, value)
    assert [10.0, None] == [usual(3, 7).divide_by_mean(50), usual().divide_by_mean(50)]


def test_many_large_and_equal_values_have_no_deviation():
    assert 0.0 == usual(*[123_456_789.0] * 700).standard_deviation


def test_no_window_with_less_than_the_least_can_be_told():
    assert 5.0 == compute_lowest_alert(OVER)


def test_the_uid_of_a_window_is_of_its_rule_group_and_time():
    places = [
        (build_rule(), "a", 1),
        (build_rule(), "b", 1),
        (build_rule(), "a", 2),
        (build_rule(name="other"), "a", 1),
    ]
    uids = {baseline_sql.compute_window_uid(*place) for place in [*places, *places]}

    assert 4 == len(uids)
    assert all(uid.startswith("window:") for uid in uids)


def test_the_first_case_that_holds_and_every_step_decide():
    made = build_rule(
        aggregation=OVER,
        severity_cases=(
            SeverityCase(predicate='"metric" > 10', level=Severity.HIGH),
            SeverityCase(predicate="\"user_id\" = 'u2'", level=Severity.LOW),
        ),
        severity_steps=(
            SeverityStep(predicate='"mean" IS NULL', increment=2, max_severity=Severity.HIGH),
            SeverityStep(predicate='"deviations" > 1', increment=1, max_severity=Severity.CRITICAL),
        ),
    )
    windows = [
        (11.0, 1.0, 11.0, 2.0, 3, 1, NOON, NOON, "u2"),
        (10.0, None, None, None, 0, 1, NOON, NOON, "u2"),
        (10.0, 1.0, 10.0, None, 3, 1, NOON, NOON, "u1"),
    ]
    with engine.open_engine() as connection:
        answers = connection.execute(
            baseline_sql.select_severity_answers(made),
            [list(column) for column in zip(*windows, strict=True)],
        ).fetchall()

    found = [baseline_sql.decide_severity(made, each) for each in answers]
    assert [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM] == found


def test_other_kinds_of_rules_are_refused():
    with pytest.raises(TypeError, match="odd-login is no baseline"):
        baseline_sql.as_baseline(build_rule())
