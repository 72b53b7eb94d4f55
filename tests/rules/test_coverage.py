"""How rules stand in an org: which fire, and why others have had nothing to look at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.app.configuration import SETTINGS_MODELS
from collector.detect import RuleSet
from collector.model import Correlation, Stream
from collector.rules.coverage import (
    OrgView,
    RuleStanding,
    compute_coverage,
    list_rule_needs,
    list_rule_types,
    list_silent_rules,
)
from collector.store.ledger import PollStatus
from fakes.model_samples import NOON, build_rule

LOGIN = build_rule(name="login", event_types=("Login",))
STORED = build_rule(name="stored", event_types=("ApiEvent", "LoginEvent"))
JOBS = build_rule(name="jobs", event_types=("BulkJob",))
ANYTHING = build_rule(name="anything", event_types=())


def poll(source, name, state="ok", reason="", minutes=0):
    return PollStatus(
        stream=Stream(org="acme", source=source, name=name),
        state=state,
        reason=reason,
        last_attempt=NOON + timedelta(minutes=minutes),
        last_success=None,
    )


def silent(*rules, polls=(), seen=()):
    return list(list_silent_rules(RuleSet(rules=rules), view(polls=polls, seen=seen)))


def view(*, polls=(), seen=(), sources=None):
    return OrgView(org="acme", polls=polls, seen_types=frozenset(seen), sources=sources)


def correlation(kind, *names, **condition):
    group = ("user_id",)
    over = Correlation(
        type=kind, rules=names, group_by=group, timespan=timedelta(hours=1), **condition
    )
    return build_rule(name=kind, event_types=(), aggregation=over)


def states(*rules, **known):
    return {each.rule: each.state for each in compute_coverage(RuleSet(rules=rules), view(**known))}


def test_what_must_not_match_does_not_make_a_rule_fire():
    waiting = correlation("temporal", "login", "jobs", absent=("login",))
    rules = (LOGIN, JOBS, waiting)

    assert states(*rules, seen={"Login"})["temporal"] == RuleStanding.WAITS
    assert states(*rules, seen={"BulkApi2"})["temporal"] == RuleStanding.FIRES


def test_a_rule_of_which_one_event_type_has_been_seen_is_not_mentioned():
    assert [] == silent(LOGIN, ANYTHING, seen={"Login"})
    assert [] == silent(STORED, seen={"LoginEvent"})


def test_a_derived_event_type_is_seen_when_one_that_it_is_made_of_is():
    assert [] == silent(JOBS, seen={"BulkApi2"})
    (found,) = silent(JOBS, seen={"Login"})

    assert {"BulkApi2", "BulkApi", "BulkJobInfo"} == set(found.why)


def test_a_rule_whose_event_types_are_all_unavailable_cannot_fire():
    hidden = [
        poll("stored_events", "ApiEvent", "unavailable", "no ApiEvent for this user"),
        poll("stored_events", "LoginEvent", "unavailable", "no LoginEvent for this user"),
    ]
    (found,) = silent(STORED, polls=hidden)

    assert not found.can_fire
    assert {"ApiEvent": "no it for this user", "LoginEvent": "no it for this user"} == found.why
    (found,) = silent(STORED, polls=[hidden[0], poll("stored_events", "LoginEvent")])

    assert found.can_fire
    assert "no event so far" == found.why["LoginEvent"]


def test_all_log_files_come_from_one_stream():
    ok, failed = poll("event_log_file", "hourly"), poll("event_log_file", "*", "failed", "down")
    hidden = poll("event_log_file", "*", "unavailable", "no EventLogFile")

    assert {"Login": "no event so far"} == silent(LOGIN, polls=[ok])[0].why
    assert {"Login": "could not be polled: down"} == silent(LOGIN, polls=[failed])[0].why
    assert {"Login": "no EventLogFile"} == silent(LOGIN, polls=[hidden])[0].why
    assert not silent(LOGIN, polls=[hidden])[0].can_fire


def test_of_two_polls_of_a_source_the_later_counts():
    failed = poll("event_log_file", "*", "failed", "down", minutes=-5)

    assert {"Login": "no event so far"} == (
        silent(LOGIN, polls=[failed, poll("event_log_file", "hourly")])[0].why
    )


def test_an_event_type_that_nobody_polls_may_be_switched_off():
    (found,) = silent(LOGIN, polls=[poll("stored_events", "ApiEvent")])

    assert {"Login": "not polled yet; is its source switched on?"} == found.why


def test_a_rule_over_every_event_type_waits_for_the_first():
    (found,) = silent(ANYTHING)

    assert found.can_fire
    assert {} == found.why


def test_that_nothing_is_wrong_with_the_collector_is_not_mentioned():
    assert [] == silent(build_rule(name="health", event_types=("CollectorHealth",)))


def test_a_rule_fires_on_what_was_seen_and_says_what_was_not():
    (found,) = compute_coverage(RuleSet(rules=(STORED,)), view(seen={"ApiEvent"}))

    assert (RuleStanding.FIRES, ("ApiEvent",)) == (found.state, found.seen_types)
    assert {"LoginEvent"} == set(found.reasons)


def test_a_sequence_is_as_blind_as_its_blindest_part():
    hidden = poll("stored_events", "ApiEvent", "unavailable", "no ApiEvent")
    api = build_rule(name="api", event_types=("ApiEvent",))
    all_of, any_of = (
        correlation("temporal", "login", "api"),
        correlation("event_count", "login", "api"),
    )
    found = states(LOGIN, api, all_of, any_of, polls=[hidden], seen={"Login"})

    assert {
        "login": RuleStanding.FIRES,
        "api": RuleStanding.BLIND,
        "temporal": RuleStanding.BLIND,
        "event_count": RuleStanding.FIRES,
    } == found
    assert RuleStanding.WAITS == states(LOGIN, api, all_of, seen={"Login"})["temporal"]


@pytest.mark.parametrize(
    ("needed", "state"), [(1, RuleStanding.FIRES), (2, RuleStanding.WAITS), (3, RuleStanding.BLIND)]
)
def test_a_correlation_of_some_rules_needs_so_many_of_them(needed, state):
    hidden = poll("stored_events", "ApiEvent", "unavailable", "no ApiEvent")
    api = build_rule(name="api", event_types=("ApiEvent",))
    some = correlation("temporal", "login", "api", "jobs", operator="gte", limit=needed)

    found = states(LOGIN, api, JOBS, some, polls=[hidden], seen={"Login"})

    assert state == found["temporal"]


def test_a_correlation_looks_at_the_event_types_of_its_parts_at_any_depth():
    inner = correlation("event_count", "login", "stored")
    outer = build_rule(
        name="outer",
        event_types=(),
        aggregation=correlation("temporal", "event_count", "jobs").aggregation,
    )
    rules = RuleSet(rules=(LOGIN, STORED, JOBS, ANYTHING, inner, outer))

    assert ("Login", "ApiEvent", "LoginEvent", "BulkJob") == list_rule_types(outer, rules)
    assert "BulkJobInfo" in [need.event_type for need in list_rule_needs(outer, rules)]
    assert () == list_rule_types(correlation("temporal", "login", "anything"), rules)


def test_a_source_that_is_switched_off_makes_blind():
    off = SETTINGS_MODELS.sources.model_validate({"event_log_file": False})
    (found,) = compute_coverage(RuleSet(rules=(LOGIN,)), view(sources=off))

    assert RuleStanding.BLIND == found.state
    assert {"Login": "its source event_log_file is switched off"} == found.reasons


def test_a_type_that_nobody_asks_for_makes_blind():
    some = SETTINGS_MODELS.sources.model_validate({"stored_events": {"objects": ["Login*"]}})
    (found,) = compute_coverage(RuleSet(rules=(STORED,)), view(sources=some))

    assert RuleStanding.WAITS == found.state
    assert "it is not among the objects of stored_events" == found.reasons["ApiEvent"]
    assert "not polled yet; is its source switched on?" == found.reasons["LoginEvent"]


def test_what_is_observed_comes_from_the_stream_of_its_source():
    gone = build_rule(name="gone", event_types=("BulkJobRemoved",))
    (found,) = silent(gone, polls=[poll("bulk_jobs", "query", "failed", "down")])

    assert {"BulkJobRemoved": "no event so far; of its source something failed: down"} == found.why


def test_a_file_of_another_type_that_failed_does_not_make_a_type_unpolled():
    failed = poll("event_log_file", "hourly", "failed", "URI 0AT000000000001AAA: 503")
    (found,) = silent(LOGIN, polls=[failed])

    assert found.can_fire
    assert {
        "Login": "no event so far; of its source something failed: URI 0AT000000000001AAA: 503"
    } == found.why
