"""What a source may do with what is left of the org's API calls."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collection.api_budget_policy import (
    SOURCE_PRIORITY,
    ApiSpending,
    PollCost,
    compute_stretch,
    decide_pace,
)
from collector.sources import SOURCE_FACTORIES

CALLS = st.integers(0, 2_000_000)


def spending(ours=0, used=0, maximum=100_000):
    return ApiSpending(own_calls=ours, used_calls=used, max_calls=maximum)


def test_every_source_has_its_worth():
    assert set(SOURCE_FACTORIES) == set(SOURCE_PRIORITY)


def test_nothing_is_held_back_before_anything_is_known():
    assert "go" == decide_pace("stored_events", None, percent=10).pace
    assert "go" == decide_pace("stored_events", spending(maximum=0), percent=10).pace


@pytest.mark.parametrize(
    ("ours", "first", "last"),
    [
        (0, "go", "go"),
        (4_999, "go", "go"),
        (5_000, "go", "slow"),
        (8_999, "go", "slow"),
        (9_000, "slow", "slow"),
        (9_999, "slow", "slow"),
        (10_000, "pause", "pause"),
    ],
)
def test_the_least_valuable_source_is_slowed_first_and_all_stop_at_our_share(ours, first, last):
    assert first == decide_pace(SOURCE_PRIORITY[0], spending(ours=ours), percent=10).pace
    assert last == decide_pace(SOURCE_PRIORITY[-1], spending(ours=ours), percent=10).pace


@pytest.mark.parametrize(
    ("used", "pace"), [(79_999, "go"), (80_000, "slow"), (99_999, "slow"), (100_000, "pause")]
)
def test_the_others_keep_their_headroom(used, pace):
    assert pace == decide_pace(SOURCE_PRIORITY[0], spending(used=used), percent=10).pace


@given(ours=CALLS, used=CALLS, maximum=CALLS, percent=st.integers(1, 100))
def test_a_more_valuable_source_is_never_held_back_more(ours, used, maximum, percent):
    order = ("go", "slow", "pause")
    paces = [
        order.index(
            decide_pace(kind, spending(ours=ours, used=used, maximum=maximum), percent=percent).pace
        )
        for kind in SOURCE_PRIORITY
    ]
    assert paces == sorted(paces)


@given(
    ours=CALLS, used=CALLS, maximum=st.integers(1, 2_000_000), kind=st.sampled_from(SOURCE_PRIORITY)
)
def test_beyond_our_share_nothing_is_asked(ours, used, maximum, kind):
    found = decide_pace(kind, spending(ours=ours, used=used, maximum=maximum), percent=10)
    if ours >= max(1, maximum // 10):
        assert "pause" == found.pace


def test_whoever_is_held_back_hears_why():
    found = decide_pace("org_limits", spending(ours=6_000), percent=10)

    assert "6,000 of the 10,000 API calls that api_budget_percent: 10" in found.reason
    assert "by everybody" in decide_pace("org_limits", spending(used=85_000), percent=10).reason


MINUTE = timedelta(minutes=1)
COSTS = {
    "setup_audit_trail": PollCost(interval=MINUTE, calls=1),
    "stored_events": PollCost(interval=MINUTE, calls=20),
    "event_log_file": PollCost(interval=10 * MINUTE, calls=2),
}


def daily(costs, factors):
    return sum(cost.daily_calls / factors[kind] for kind, cost in costs.items())


def test_where_the_calls_suffice_nothing_waits_longer():
    assert {
        "setup_audit_trail": 1.0,
        "stored_events": 1.0,
        "event_log_file": 1.0,
    } == compute_stretch(COSTS, allowed_calls=100_000)


def test_the_least_valuable_wait_longer_first_and_then_the_calls_suffice():
    factors = compute_stretch(COSTS, allowed_calls=10_000)

    assert (3.0, 1.0) == (factors["event_log_file"], factors["setup_audit_trail"])
    assert 3 < factors["stored_events"] < 4
    assert daily(COSTS, factors) == pytest.approx(10_000)


@given(
    st.dictionaries(
        st.sampled_from(SOURCE_PRIORITY),
        st.builds(PollCost, interval=st.timedeltas(MINUTE, 60 * MINUTE), calls=st.integers(1, 500)),
    ),
    st.integers(0, 200_000),
)
def test_a_day_never_takes_more_than_is_allowed_unless_all_wait_as_long_as_they_may(costs, allowed):
    factors = compute_stretch(costs, allowed_calls=allowed)

    assert all(factor >= 1 for factor in factors.values())
    assert daily(costs, factors) <= allowed * 1.001 or all(f >= 2.99 for f in factors.values())
