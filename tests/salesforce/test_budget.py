"""What a source may do with what is left of the org's API calls."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collection.api_budget_policy import (
    ApiSpending,
    PollCost,
    compute_stretch,
    decide_pace,
)
from collector.sources import SOURCES, org_limits, stored_events

CALLS = st.integers(0, 2_000_000)
SPECS = {spec.kind: spec for spec in sorted(SOURCES, key=lambda spec: spec.value_rank)}
RANKS = [spec.value_rank for spec in SPECS.values()]
"""The value ranks of all sources, the most valuable first."""


def spending(ours=0, used=0, maximum=100_000):
    return ApiSpending(own_calls=ours, used_calls=used, max_calls=maximum)


def build_cost(kind, interval, calls):
    return PollCost(
        interval=interval,
        calls=calls,
        value_rank=SPECS[kind].value_rank,
        max_stretch=SPECS[kind].max_stretch,
    )


def test_the_most_valuable_sources_are_those_that_tell_of_an_attack_soonest():
    assert [
        "setup_audit_trail",
        "login_history",
        "bulk_jobs",
        "stored_events",
        "event_log_file",
        "oauth_tokens",
        "event_log_objects",
        "org_limits",
    ] == list(SPECS)


def test_nothing_is_held_back_before_anything_is_known():
    assert "go" == decide_pace(stored_events.SPEC.value_rank, None, percent=10).pace
    assert "go" == decide_pace(stored_events.SPEC.value_rank, spending(maximum=0), percent=10).pace


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
    assert first == decide_pace(RANKS[0], spending(ours=ours), percent=10).pace
    assert last == decide_pace(RANKS[-1], spending(ours=ours), percent=10).pace


@pytest.mark.parametrize(
    ("used", "pace"), [(79_999, "go"), (80_000, "slow"), (99_999, "slow"), (100_000, "pause")]
)
def test_the_others_keep_their_headroom(used, pace):
    assert pace == decide_pace(RANKS[0], spending(used=used), percent=10).pace


@given(ours=CALLS, used=CALLS, maximum=CALLS, percent=st.integers(1, 100))
def test_a_more_valuable_source_is_never_held_back_more(ours, used, maximum, percent):
    order = ("go", "slow", "pause")
    paces = [
        order.index(
            decide_pace(rank, spending(ours=ours, used=used, maximum=maximum), percent=percent).pace
        )
        for rank in RANKS
    ]
    assert paces == sorted(paces)


@given(ours=CALLS, used=CALLS, maximum=st.integers(1, 2_000_000), rank=st.sampled_from(RANKS))
def test_beyond_our_share_nothing_is_asked(ours, used, maximum, rank):
    found = decide_pace(rank, spending(ours=ours, used=used, maximum=maximum), percent=10)
    if ours >= max(1, maximum // 10):
        assert "pause" == found.pace


def test_whoever_is_held_back_hears_why():
    found = decide_pace(org_limits.SPEC.value_rank, spending(ours=6_000), percent=10)

    assert "6,000 of the 10,000 API calls that api_budget_percent: 10" in found.reason
    assert (
        "by everybody"
        in decide_pace(org_limits.SPEC.value_rank, spending(used=85_000), percent=10).reason
    )


MINUTE = timedelta(minutes=1)
COSTS = {
    "setup_audit_trail": build_cost("setup_audit_trail", MINUTE, 1),
    "stored_events": build_cost("stored_events", MINUTE, 20),
    "event_log_file": build_cost("event_log_file", 10 * MINUTE, 2),
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


def build_costs(kinds):
    """A cost of each of these sources."""
    lengths, calls = st.timedeltas(MINUTE, 60 * MINUTE), st.integers(1, 500)
    return st.fixed_dictionaries(
        {kind: st.builds(build_cost, st.just(kind), lengths, calls) for kind in sorted(kinds)}
    )


@given(
    st.sets(st.sampled_from(list(SPECS))).flatmap(build_costs),
    st.integers(0, 200_000),
)
def test_a_day_never_takes_more_than_is_allowed_unless_all_wait_as_long_as_they_may(costs, allowed):
    factors = compute_stretch(costs, allowed_calls=allowed)

    assert all(factor >= 1 for factor in factors.values())
    assert daily(costs, factors) <= allowed * 1.001 or all(f >= 2.99 for f in factors.values())
