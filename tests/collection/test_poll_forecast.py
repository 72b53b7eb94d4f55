"""What a day of polling takes, and how often an org can be asked with the calls that it has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.app.configuration import SETTINGS_MODELS
from collector.collection.api_budget_policy import ApiSpending
from collector.collection.poll_costs import MeasuredCalls, OrgFacts
from collector.collection.poll_forecast import forecast_calls
from collector.sources import build_sources
from collector.sources.stored_events import OTHER_OBJECTS, THREAT_DETECTION

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURLY_TYPES = 60
THREATS, OTHERS = ("stored_events", THREAT_DETECTION), ("stored_events", OTHER_OBJECTS)
EVERY_OBJECT = {THREATS: 7, OTHERS: 13}
"""All that a whole org has; the other groups have one stream each."""


def forecast(max_calls=100_000, own=0, sources=None, **known):
    facts = {
        "spending": ApiSpending(own_calls=own, used_calls=own, max_calls=max_calls),
        "stream_counts": EVERY_OBJECT,
        "daily_files": HOURLY_TYPES * 24,
        "queries_per_call": 5,
        "percent": 10,
    }
    settings = SETTINGS_MODELS.sources.model_validate(sources or {})
    return forecast_calls(build_sources(settings), OrgFacts(**{**facts, **known}))


def by_key(made):
    return {(group.source, group.name): group for group in made.groups}


@pytest.mark.parametrize("supplements", [1.0, 1.5], ids=["one file an hour", "half of them twice"])
def test_the_default_configuration_fits_the_default_share_of_an_org_with_everything(supplements):
    """100,000 calls a day, every object, sixty hourly types: nothing is asked less often."""
    made = forecast(daily_files=round(HOURLY_TYPES * 24 * supplements))

    assert made.configured_calls <= 10_000
    assert made.does_fit
    assert [""] * 11 == [group.reason for group in made.groups]
    assert [group.configured for group in made.groups] == [group.interval for group in made.groups]
    assert MINUTE == by_key(made)[THREATS].interval
    assert 2_880 == by_key(made)[THREATS].daily_calls, "seven objects are two calls"
    assert 0 == by_key(made)[OTHERS].daily_calls, "and these calls have room for the others"
    assert made.fitting_percent <= 10


def test_an_org_with_15000_calls_has_its_threat_detection_within_five_minutes():
    made = forecast(max_calls=15_000)

    assert MINUTE < by_key(made)[THREATS].interval <= 5 * MINUTE
    assert sum(group.daily_calls for group in made.groups) + made.side_allowance <= 1_500
    assert 0 < made.side_allowance < made.daily_files
    assert not made.does_fit
    assert 10 < made.fitting_percent <= 100
    assert "api_budget_percent: 10 allows us 1,500" in by_key(made)[THREATS].reason
    assert forecast(max_calls=15_000, percent=made.fitting_percent).does_fit
    assert not forecast(max_calls=15_000, percent=made.fitting_percent - 1).does_fit


def test_an_interval_that_the_forecast_names_would_fit_if_it_were_configured():
    made = forecast(max_calls=60_000)
    asked = {
        group.source: {"every": f"{group.interval.total_seconds():.0f}s"}
        for group in made.groups
        if group.reason and not group.name
    }
    asked["stored_events"] = {
        "every": f"{by_key(made)[THREATS].interval.total_seconds():.0f}s",
        "big_objects_every": f"{by_key(made)[OTHERS].interval.total_seconds():.0f}s",
    }
    asked["bulk_jobs"] = {
        "every": f"{by_key(made)['bulk_jobs', 'query jobs'].interval.total_seconds() + 1:.0f}s",
        "ingest_every": f"{by_key(made)['bulk_jobs', 'ingest jobs'].interval.total_seconds():.0f}s",
    }

    assert not made.does_fit
    assert forecast(max_calls=60_000, sources=asked).configured_calls <= 6_000


def test_each_call_is_counted_where_the_org_refuses_composite():
    made = by_key(forecast(queries_per_call=1))

    assert 7 * 1_440 == made[THREATS].configured_calls
    assert 13 * 288 == made[OTHERS].configured_calls


def test_what_the_spare_places_do_not_hold_costs_calls_of_its_own():
    made = by_key(forecast(stream_counts={THREATS: 5, OTHERS: 13}))

    assert 1_440 == made[THREATS].configured_calls
    assert 3 * 288 == made[OTHERS].configured_calls


def test_nothing_is_asked_less_often_while_the_org_has_said_nothing():
    made = forecast(spending=None)

    assert made.does_fit
    assert None is made.share
    assert "" == made.explain_download_pause()


# ---- what was measured


def test_one_expensive_poll_is_not_taken_for_the_cost_of_every_poll():
    first_poll = {("setup_audit_trail", ""): MeasuredCalls(calls=30, polls=1)}
    made = by_key(forecast(measured=first_poll))["setup_audit_trail", ""]

    assert made.configured_calls < 1.5 * 1_440
    assert "" == made.reason


def test_hours_of_expensive_polls_are():
    busy = {("setup_audit_trail", ""): MeasuredCalls(calls=6 * 60 * 4, polls=6 * 60)}
    made = by_key(forecast(measured=busy))["setup_audit_trail", ""]

    assert 3.5 * 1_440 < made.configured_calls <= 4 * 1_440
    assert made.interval > MINUTE


def test_what_is_cheap_is_not_asked_less_often_to_save_for_what_is_expensive():
    busy = {OTHERS: MeasuredCalls(calls=4_000, polls=6 * 13 * 12)}
    made = by_key(forecast(measured=busy))

    assert made[OTHERS].interval > 6 * MINUTE
    assert {""} == {
        made[source, ""].reason for source in ("oauth_tokens", "org_limits", "login_history")
    }
    assert MINUTE == made[THREATS].interval


# ---- downloads


@pytest.mark.parametrize("backlog", [400, 4_000, 40_000])
def test_a_backlog_makes_nothing_wait_but_downloads(backlog):
    made = forecast(side_calls=backlog, own=min(backlog, 9_000))

    assert [group.configured for group in made.groups] == [group.interval for group in made.groups]
    assert (backlog < made.side_allowance) == ("" == made.explain_download_pause())


def test_downloads_have_what_polls_leave_and_say_so_when_it_is_used():
    made = forecast(side_calls=9_000)
    polls = sum(group.daily_calls for group in made.groups)

    assert 9_500 - polls == pytest.approx(made.side_allowance, abs=1)
    assert (
        f"9,000 of the {made.side_allowance:,} API calls that api_budget_percent: 10 leaves to"
        " downloads in 24 h are used"
    ) == made.explain_download_pause()


def test_at_the_end_of_our_share_only_threat_detection_is_asked_and_less_often():
    made = forecast(own=9_600)

    assert {THREAT_DETECTION: 4 * MINUTE, OTHER_OBJECTS: None} == made.list_intervals(
        "stored_events"
    )
    assert [None, None] != list(made.list_intervals("bulk_jobs").values()), "it says that it pauses"
    assert "9,600 of the 10,000 API calls" in by_key(made)["org_limits", ""].reason
