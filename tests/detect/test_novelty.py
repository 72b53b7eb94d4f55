"""Runs of events with one key, and what becomes of them when events turn out to lie elsewhere."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import engine
from collector.detect.past import novelty
from collector.detect.past.moved import Around, resettled
from collector.detect.past.novelty import Run, joined
from collector.detect.past.selected import Part
from collector.model import FirstSeen
from fakes.nouns import NOON, rule

FORGET = 10


def points(times):
    return [Run(time, f"e{time}", time) for time in times]


def test_a_pause_as_long_as_is_forgotten_does_not_part_a_run():
    assert [Run(0, "e0", 20), Run(31, "e31", 31)] == joined(points([20, 31, 0, 10]), FORGET)


def test_of_events_at_one_time_the_lesser_uid_begins():
    assert [Run(5, "a", 5)] == joined([Run(5, "b", 5), Run(5, "a", 5)], FORGET)


TIMES = st.lists(st.integers(0, 60), max_size=12, unique=True)


@given(TIMES, TIMES)
def test_runs_of_runs_are_the_runs_of_all_events(some, others):
    apart = [*joined(points(some), FORGET), *joined(points(others), FORGET)]

    assert joined(points({*some, *others}), FORGET) == joined(apart, FORGET)


@given(TIMES, st.data(), st.integers(0, 40))
def test_without_some_events_the_runs_are_those_of_the_rest_or_not_told(times, data, reach):
    gone = data.draw(st.lists(st.sampled_from(times), min_size=1, unique=True)) if times else [0]
    rest = points(set(times) - set(gone))
    first, last = min(gone) - reach, max(gone) + reach
    near = joined([each for each in rest if first <= each.start <= last], FORGET)
    around = Around(first=first, last=last, runs=near)

    found = resettled(joined(points(times), FORGET), gone, around, FORGET)
    assert found in (joined(rest, FORGET), None)
    whole = Around(first=-100, last=100, runs=joined(rest, FORGET))
    assert joined(rest, FORGET) == resettled(joined(points(times), FORGET), gone, whole, FORGET)


def test_what_lies_near_enough_is_told_without_the_rest():
    known = joined(points([0, 8, 16, 24, 32, 40]), FORGET)
    around = Around(first=10, last=38, runs=joined(points([16, 32]), FORGET))

    assert [Run(0, "e0", 16), Run(32, "e32", 40)] == resettled(known, [24], around, FORGET)


def test_other_kinds_of_rules_are_refused():
    with pytest.raises(TypeError, match="odd-login is no rule about what is first seen"):
        novelty.first_seen(rule())


def test_hostile_values_and_fields_are_data():
    over = FirstSeen(key=('a"b', "c"), learn=timedelta(), forget=timedelta(days=1))
    part = Part(rule=rule(over=over), relation="stored")
    with engine.connect() as connection:
        connection.execute(
            'CREATE TABLE stored ("a""b" VARCHAR, c VARCHAR, event_uid VARCHAR, time TIMESTAMPTZ)'
        )
        for uid, value in enumerate(["'; DROP TABLE stored; --", "1:x2:", "\0", "\U0001f600"]):
            connection.execute("INSERT INTO stored VALUES (?, 'x', ?, ?)", [value, uid, NOON])
        found = connection.execute(novelty.runs(part.rule, [novelty.selected(part)])).fetchall()
        told = connection.execute(novelty.matches_sql([part], since=NOON)).fetchall()

    assert {"0", "1", "2", "3"} == {uid for _, _, uid, _ in found} == {row[0] for row in told}
    assert [32] * 4 == [len(key) for key, *_ in found]
