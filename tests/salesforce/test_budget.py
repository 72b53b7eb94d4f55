"""What a source may do with what is left of the org's API calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.salesforce.budget import WORTH, Spending, verdict
from collector.sources import KINDS

CALLS = st.integers(0, 2_000_000)


def spending(ours=0, used=0, maximum=100_000):
    return Spending(ours=ours, used=used, maximum=maximum)


def test_every_source_has_its_worth():
    assert set(KINDS) == set(WORTH)


def test_nothing_is_held_back_before_anything_is_known():
    assert "go" == verdict("stored_events", None, percent=10).pace
    assert "go" == verdict("stored_events", spending(maximum=0), percent=10).pace


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
    assert first == verdict(WORTH[0], spending(ours=ours), percent=10).pace
    assert last == verdict(WORTH[-1], spending(ours=ours), percent=10).pace


@pytest.mark.parametrize(
    ("used", "pace"), [(79_999, "go"), (80_000, "slow"), (99_999, "slow"), (100_000, "pause")]
)
def test_the_others_keep_their_headroom(used, pace):
    assert pace == verdict(WORTH[0], spending(used=used), percent=10).pace


@given(ours=CALLS, used=CALLS, maximum=CALLS, percent=st.integers(1, 100))
def test_a_more_valuable_source_is_never_held_back_more(ours, used, maximum, percent):
    order = ("go", "slow", "pause")
    paces = [
        order.index(
            verdict(kind, spending(ours=ours, used=used, maximum=maximum), percent=percent).pace
        )
        for kind in WORTH
    ]
    assert paces == sorted(paces)


@given(ours=CALLS, used=CALLS, maximum=st.integers(1, 2_000_000), kind=st.sampled_from(WORTH))
def test_beyond_our_share_nothing_is_asked(ours, used, maximum, kind):
    found = verdict(kind, spending(ours=ours, used=used, maximum=maximum), percent=10)
    if ours >= max(1, maximum // 10):
        assert "pause" == found.pace


def test_whoever_is_held_back_hears_why():
    found = verdict("org_limits", spending(ours=6_000), percent=10)

    assert "6,000 of the 10,000 API calls that api_budget_percent: 10" in found.reason
    assert "by everybody" in verdict("org_limits", spending(used=85_000), percent=10).reason
