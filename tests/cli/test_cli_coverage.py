"""A rule that had nothing to look at says why, by event type."""

from __future__ import annotations

from datetime import timedelta

from collector.cli.coverage import silent_rules
from collector.model import Stream
from collector.store.ledger import Poll
from fakes.nouns import NOON, rule

LOGIN = rule(name="login", event_types=("Login",))
STORED = rule(name="stored", event_types=("ApiEvent", "LoginEvent"))
JOBS = rule(name="jobs", event_types=("BulkJob",))
ANYTHING = rule(name="anything", event_types=())


def poll(source, name, state="ok", reason="", minutes=0):
    return Poll(
        stream=Stream(org="acme", source=source, name=name),
        state=state,
        reason=reason,
        last_attempt=NOON + timedelta(minutes=minutes),
        last_success=None,
    )


def silent(*rules, polls=(), seen=()):
    return list(silent_rules("acme", rules, polls=polls, seen=frozenset(seen)))


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
    assert [] == silent(rule(name="health", event_types=("CollectorHealth",)))
