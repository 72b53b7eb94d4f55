"""Objects whose answers have no end are left alone for longer each time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.errors import UnreachableError
from collector.salesforce.endless_answers import (
    FIRST_PAUSE,
    FREE_ATTEMPTS,
    LAST_PAUSE,
    EndlessAnswers,
    find_object,
)
from fakes.manual_clock import ManualClock

NAME, OTHER = "ApiEvent", "LoginEvent"


@pytest.fixture
def time():
    return ManualClock()


@pytest.fixture
def answers(time):
    return EndlessAnswers("acme", now=time)


def is_left_alone(answers, name=NAME):
    try:
        answers.check_object(name)
    except UnreachableError:
        return True
    return False


def measure_pause(answers, time):
    begin = time.now
    while is_left_alone(answers):
        time.advance_by(timedelta(minutes=5))
    return time.now - begin


def test_the_first_ones_cost_no_pause(answers):
    for _ in range(FREE_ATTEMPTS):
        answers.record_endless(NAME)
        assert not is_left_alone(answers)


def test_each_further_one_costs_twice_the_pause_up_to_a_limit(answers, time):
    for _ in range(FREE_ATTEMPTS):
        answers.record_endless(NAME)
    pauses = []
    for _ in range(8):
        answers.record_endless(NAME)
        pauses.append(measure_pause(answers, time))

    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-2:] == [LAST_PAUSE, LAST_PAUSE]


def test_it_costs_no_other_object_and_ends_with_an_answer_that_ends(answers):
    for _ in range(FREE_ATTEMPTS + 1):
        answers.record_endless(NAME)
    assert is_left_alone(answers)
    assert not is_left_alone(answers, OTHER)

    answers.record_end(NAME)
    answers.record_endless(NAME)
    assert not is_left_alone(answers)


def test_it_says_until_when(answers):
    for _ in range(FREE_ATTEMPTS + 1):
        answers.record_endless(NAME)
    with pytest.raises(UnreachableError, match="acme: ApiEvent: 5 answers in a row had no end"):
        answers.check_object(NAME)


def test_a_query_is_about_one_object():
    assert "ApiEvent" == find_object("SELECT Id, EventDate FROM ApiEvent WHERE EventDate > null")
