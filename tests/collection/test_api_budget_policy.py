"""What groups of streams may do with what is left of the org's API calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.app.configuration import SETTINGS_MODELS
from collector.collection.api_budget_policy import (
    ApiSpending,
    PollCost,
    compute_download_reserve,
    compute_stretch,
    decide_pace,
)
from collector.sources import build_sources
from collector.sources.spec import LOWEST_VALUE_RANK, THREAT_DETECTION_RANK

CALLS = st.integers(0, 2_000_000)
SOURCES = build_sources(SETTINGS_MODELS.sources.model_validate({"event_log_objects": {}}))
GROUPS = sorted(
    (
        (f"{source.kind} {group.name}".strip(), group)
        for source in SOURCES
        for group in source.groups
    ),
    key=lambda named: named[1].value_rank,
)
RANKS = [group.value_rank for _, group in GROUPS]
"""The value ranks of all groups of streams, the most valuable first."""


def spending(ours=0, used=0, maximum=100_000):
    return ApiSpending(own_calls=ours, used_calls=used, max_calls=maximum)


def test_the_most_valuable_groups_are_those_that_tell_of_an_attack_soonest():
    assert [
        "stored_events threat detection objects",
        "setup_audit_trail",
        "login_history",
        "directory users",
        "bulk_jobs query jobs",
        "bulk_jobs ingest jobs",
        "stored_events other objects",
        "event_log_file",
        "oauth_tokens",
        "directory apps, reports and objects",
        "event_log_objects",
        "org_limits",
    ] == [name for name, _ in GROUPS]


def test_nothing_is_held_back_before_anything_is_known():
    assert "go" == decide_pace(RANKS[-1], None, percent=10).pace
    assert "go" == decide_pace(RANKS[-1], spending(maximum=0), percent=10).pace


@pytest.mark.parametrize(
    ("ours", "first", "last"),
    [
        (0, "go", "go"),
        (9_499, "go", "go"),
        (9_500, "slow", "pause"),
        (9_999, "slow", "pause"),
        (10_000, "pause", "pause"),
    ],
)
def test_the_end_of_our_share_is_for_threat_detection_alone(ours, first, last):
    assert first == decide_pace(RANKS[0], spending(ours=ours), percent=10).pace
    assert {last} == {decide_pace(rank, spending(ours=ours), percent=10).pace for rank in RANKS[1:]}


@pytest.mark.parametrize(
    ("used", "first", "last"),
    [
        (79_999, "go", "go"),
        (80_000, "go", "slow"),
        (90_000, "slow", "slow"),
        (99_999, "slow", "slow"),
        (100_000, "pause", "pause"),
    ],
)
def test_the_others_keep_their_headroom(used, first, last):
    assert first == decide_pace(RANKS[0], spending(used=used), percent=10).pace
    assert last == decide_pace(RANKS[1], spending(used=used), percent=10).pace


@given(ours=CALLS, used=CALLS, maximum=CALLS, percent=st.integers(1, 100))
def test_a_more_valuable_group_is_never_held_back_more(ours, used, maximum, percent):
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
    found = decide_pace(LOWEST_VALUE_RANK, spending(ours=9_600), percent=10)

    assert "9,600 of the 10,000 API calls that api_budget_percent: 10" in found.reason
    assert (
        "by everybody" in decide_pace(LOWEST_VALUE_RANK, spending(used=85_000), percent=10).reason
    )


# ---- stretching

COSTS = {
    "threats": PollCost(daily_calls=2_880, value_rank=THREAT_DETECTION_RANK, max_stretch=5),
    "objects": PollCost(daily_calls=28_800, value_rank=30, max_stretch=12),
    "tokens": PollCost(daily_calls=190, value_rank=50, max_stretch=8),
}


def daily(costs, factors):
    return sum(cost.daily_calls / factors[key] for key, cost in costs.items())


def test_where_the_calls_suffice_nothing_waits_longer():
    assert dict.fromkeys(COSTS, 1.0) == compute_stretch(COSTS, allowed_calls=100_000)


def test_what_is_expensive_waits_longer_and_what_is_cheap_does_not():
    factors = compute_stretch(COSTS, allowed_calls=10_000)

    assert (1.0, 1.0) == (factors["threats"], factors["tokens"])
    assert factors["objects"] == pytest.approx(28_800 / (10_000 - 2_880 - 190))


def test_a_valuable_group_stays_more_expensive_than_one_that_is_not():
    costs = {
        rank: PollCost(daily_calls=1_000, value_rank=rank, max_stretch=50) for rank in (10, 70)
    }
    factors = compute_stretch(costs, allowed_calls=1_000)

    assert 1_000 == pytest.approx(daily(costs, factors))
    assert factors[70] / factors[10] == pytest.approx((2 - 10 / 70) / 1)


def test_threat_detection_waits_last_and_no_longer_than_it_may_while_others_can():
    some, little, least = (
        compute_stretch(COSTS, allowed_calls=calls) for calls in (5_500, 3_500, 3_060)
    )

    assert (1.0, 1.0) == (some["threats"], some["tokens"])
    assert 12.0 == pytest.approx(little["objects"])
    assert 1 < little["threats"] < least["threats"] <= 5


def test_where_nothing_suffices_all_wait_longer_so_that_no_part_of_the_day_is_blind():
    factors = compute_stretch(COSTS, allowed_calls=100)

    assert 100 == pytest.approx(daily(COSTS, factors))
    assert all(factors[key] > cost.max_stretch for key, cost in COSTS.items())


COST = st.builds(
    PollCost,
    daily_calls=st.floats(0, 50_000),
    value_rank=st.integers(0, LOWEST_VALUE_RANK),
    max_stretch=st.floats(1, 50),
)


@given(st.dictionaries(st.integers(), COST), st.integers(1, 200_000))
def test_a_day_never_takes_more_than_is_allowed_and_nothing_is_asked_more_often(costs, allowed):
    factors = compute_stretch(costs, allowed_calls=allowed)

    assert all(factor >= 1 - 1e-9 for factor in factors.values())
    assert daily(costs, factors) <= allowed * 1.001


# ---- downloads


@pytest.mark.parametrize(
    ("files", "reserve"),
    [(0, 1_000), (1_440, 1_440), (3_000, 3_000), (9_000, 4_000)],
)
def test_downloads_get_what_the_files_of_a_day_take_within_their_share(files, reserve):
    costs = {"polls": PollCost(daily_calls=7_000, value_rank=30, max_stretch=10)}

    assert reserve == compute_download_reserve(costs, files, planned_calls=10_000)


def test_downloads_leave_to_threat_detection_what_it_cannot_do_without():
    costs = {"threats": PollCost(daily_calls=4_000, value_rank=0, max_stretch=5)}

    assert 200 == compute_download_reserve(costs, 5_000, planned_calls=1_000)
