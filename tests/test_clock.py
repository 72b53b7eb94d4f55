"""Time: aware, in UTC, exact to the microsecond."""

import threading
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector import clock


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_and_back_is_the_same_moment(moment):
    assert moment == clock.from_micros(clock.to_micros(moment))


def test_now_is_aware_and_in_utc():
    assert UTC == clock.now().tzinfo


def test_the_epoch_is_zero():
    assert 0 == clock.to_micros(datetime(1970, 1, 1, tzinfo=UTC))


def test_waiting_ends_when_asked_to_stop():
    stop = threading.Event()
    assert not clock.wait(0.001, stop)
    stop.set()
    assert clock.wait(60, stop)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_in_milliseconds_is_less_than_one_before_it(moment):
    floor = clock.floor_to_milliseconds(moment)

    assert timedelta() <= moment - floor < timedelta(milliseconds=1)
    assert 0 == floor.microsecond % 1_000


def test_durations_count_microseconds():
    assert 86_400_000_000 == clock.DAY_MICROS == clock.duration_to_micros(timedelta(days=1))


def test_a_simulated_time_holds_for_all_until_it_ends():
    then = datetime(2031, 5, 6, tzinfo=UTC)
    read_now = clock.now
    with clock.simulate_time(lambda: then):
        assert then == clock.now() == read_now()
    assert clock.now() < then
