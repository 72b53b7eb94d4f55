"""Runs of events with one key, and what becomes of them when events turn out to lie elsewhere."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import engine
from collector.detect import first_seen_sql
from collector.detect.first_seen_repair import SurroundingRuns, recompute_runs
from collector.detect.first_seen_sql import EventRun, join_runs
from collector.detect.selected_events import RuleRelation
from collector.model import FirstSeen
from fakes.model_samples import NOON, build_rule

FORGET = 10


def points(times):
    return [EventRun(time, f"e{time}", time) for time in times]


def test_a_pause_as_long_as_is_forgotten_does_not_part_a_run():
    assert [EventRun(0, "e0", 20), EventRun(31, "e31", 31)] == join_runs(
        points([20, 31, 0, 10]), FORGET
    )


def test_of_events_at_one_time_the_lesser_uid_begins():
    assert [EventRun(5, "a", 5)] == join_runs([EventRun(5, "b", 5), EventRun(5, "a", 5)], FORGET)


TIMES = st.lists(st.integers(0, 60), max_size=12, unique=True)


@given(TIMES, TIMES)
def test_runs_of_runs_are_the_runs_of_all_events(some, others):
    apart = [*join_runs(points(some), FORGET), *join_runs(points(others), FORGET)]

    assert join_runs(points({*some, *others}), FORGET) == join_runs(apart, FORGET)


@given(TIMES, st.data(), st.integers(0, 40))
def test_without_some_events_the_runs_are_those_of_the_rest_or_not_told(times, data, reach):
    gone = data.draw(st.lists(st.sampled_from(times), min_size=1, unique=True)) if times else [0]
    rest = points(set(times) - set(gone))
    first, last = min(gone) - reach, max(gone) + reach
    near = join_runs([each for each in rest if first <= each.start <= last], FORGET)
    around = SurroundingRuns(first=first, last=last, runs=near)

    found = recompute_runs(join_runs(points(times), FORGET), gone, around, FORGET)
    assert found in (join_runs(rest, FORGET), None)
    whole = SurroundingRuns(first=-100, last=100, runs=join_runs(rest, FORGET))
    assert join_runs(rest, FORGET) == recompute_runs(
        join_runs(points(times), FORGET), gone, whole, FORGET
    )


def test_what_lies_near_enough_is_told_without_the_rest():
    known = join_runs(points([0, 8, 16, 24, 32, 40]), FORGET)
    around = SurroundingRuns(first=10, last=38, runs=join_runs(points([16, 32]), FORGET))

    assert [EventRun(0, "e0", 16), EventRun(32, "e32", 40)] == recompute_runs(
        known, [24], around, FORGET
    )


def test_other_kinds_of_rules_are_refused():
    with pytest.raises(TypeError, match="odd-login is no rule about what is first seen"):
        first_seen_sql.as_first_seen(build_rule())


def test_hostile_values_and_fields_are_data():
    over = FirstSeen(key=('a"b', "c"), learn=timedelta(), forget=timedelta(days=1))
    part = RuleRelation(rule=build_rule(aggregation=over), relation="stored")
    with engine.open_engine() as connection:
        connection.execute(
            'CREATE TABLE stored ("a""b" VARCHAR, c VARCHAR, event_uid VARCHAR, time TIMESTAMPTZ)'
        )
        for uid, value in enumerate(["'; DROP TABLE stored; --", "1:x2:", "\0", "\U0001f600"]):
            connection.execute("INSERT INTO stored VALUES (?, 'x', ?, ?)", [value, uid, NOON])
        found = connection.execute(
            first_seen_sql.select_runs(part.rule, [first_seen_sql.select_key_events(part)])
        ).fetchall()
        told = connection.execute(first_seen_sql.select_matches([part], since=NOON)).fetchall()

    assert {"0", "1", "2", "3"} == {uid for _, _, uid, _ in found} == {row[0] for row in told}
    assert [32] * 4 == [len(key) for key, *_ in found]
