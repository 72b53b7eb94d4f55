"""Severity by the entry of a list: what it is like, and whether it has expired."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.detect.explain import explain_events
from collector.detect.explain.questions import ExplainSubject
from collector.detect.export import sigma
from collector.detect.lint import lint_rules
from collector.detect.lists.list_context import collect_list_context
from collector.detect.severity_sql import build_severity_sql
from collector.errors import RulesError
from collector.model import Severity

ENTRIES = [
    {"value": "bad", "confidence": "high", "campaign": "Example", "expires": "2026-01-31"},
    {"prefix": "lib/", "confidence": "low"},
    {"value": "lib/old", "confidence": "medium", "expires": "2026-01-31"},
]
BEFORE, AFTER = "2026-01-31 23:59:59+00", "2026-02-01 00:00:00+00"
AGENT = {"s": {"user_agent|expand": "%agents%"}, "condition": "s"}


@pytest.fixture
def load(load_beside_list):
    def load_rule(detection, **block):
        return load_beside_list("agents", ENTRIES, detection, **block)

    return load_rule


@pytest.fixture
def judge(load, connection):
    """The severities of events by agent and time; None where the rule does not match."""

    def list_severities(detection, *events, **block):
        (rule,) = load(detection, **block).rules
        query = (
            f"SELECT {rule.predicate}, {build_severity_sql(rule)} FROM (SELECT ? AS user_agent,"
            " CAST(? AS TIMESTAMPTZ) AS time, 'x' AS user_name)"
        )
        found = [connection.execute(query, list(event)).fetchone() for event in events]
        return [str(Severity(severity)) if matches else None for matches, severity in found]

    return list_severities


def test_an_expired_entry_tells_one_level_lower(judge):
    events = [("bad", BEFORE), ("bad", AFTER), ("good", AFTER)]

    assert ["high", "medium", None] == judge(AGENT, *events)


def test_an_entry_that_counts_beside_an_expired_one_lowers_nothing(judge):
    assert ["high"] == judge(AGENT, ("lib/old", AFTER))


def test_what_matches_without_the_expired_entry_is_not_lowered(judge):
    detection = {**AGENT, "t": {"user_name": "x"}, "condition": "s or t"}

    assert ["high"] == judge(detection, ("bad", AFTER))


def test_an_expired_entry_excuses_nothing(judge):
    detection = {**AGENT, "t": {"user_name": "x"}, "condition": "t and not s"}

    assert [None, "high"] == judge(detection, ("bad", BEFORE), ("bad", AFTER))


def test_a_case_that_only_an_expired_entry_makes_hold_is_lowered_once(judge):
    detection = {**AGENT, "t": {"user_name": "x"}, "condition": "t"}
    cases = [{"when": "s", "level": "critical"}]
    events = [("bad", BEFORE), ("bad", AFTER), ("good", AFTER)]

    assert ["critical", "high", "high"] == judge(detection, *events, severity=cases)
    assert ["critical", "high", None] == judge(AGENT, *events, severity=cases)


def test_an_expired_entry_makes_nothing_less_grave(judge):
    detection = {**AGENT, "t": {"user_name": "x"}, "condition": "t"}
    events = [("bad", BEFORE), ("bad", AFTER), ("good", AFTER)]
    cases = [{"when": "s", "level": "informational"}, {"when": "t", "level": "critical"}]

    assert ["informational", "critical", "critical"] == judge(detection, *events, severity=cases)
    assert ["informational", "high", None] == judge(
        {**detection, "condition": "s"}, *events, severity=cases
    )


def test_a_rule_that_decides_about_what_has_expired_is_left_alone(judge):
    cases = [{"when": {"list": "agents", "expired": True}, "level": "informational"}]
    events = [("bad", BEFORE), ("bad", AFTER)]

    assert ["high", "informational"] == judge(AGENT, *events, severity=cases)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"confidence": "low"}, ["high", "critical", "critical", "critical"]),
        ({"confidence": ["medium", "high"]}, ["critical", "high", "critical", "high"]),
        ({"campaign": "EXAMPLE"}, ["critical", "high", "high", "high"]),
        ({"expired": False, "confidence": "medium"}, ["high", "high", "critical", "high"]),
        ({"field": "user_name"}, ["high", "high", "high", "high"]),
    ],
)
def test_a_case_asks_what_the_entry_is_like(judge, condition, expected):
    cases = [{"when": {"list": "agents"} | condition, "level": "critical"}]
    events = [("bad", BEFORE), ("lib/new", BEFORE), ("lib/old", BEFORE), ("lib/old", AFTER)]

    assert expected == judge(AGENT, *events, severity=cases)


def test_a_case_may_compare_a_field_besides(judge):
    cases = [{"when": {"list": "agents"}, "field": "user_name", "eq": "y", "level": "critical"}]

    assert ["high"] == judge(AGENT, ("bad", BEFORE), severity=cases)


def test_a_building_block_does_not_tell_of_what_has_expired(judge):
    assert [None] == judge(AGENT, ("bad", AFTER), alert=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"list": "agent"}, "unknown list 'agent', did you mean 'agents'?"),
        ({"list": "agents", "confidense": "low"}, "'confidense', did you mean 'confidence'?"),
        (
            {"list": "agents", "confidence": "lo"},
            "'confidence' must be 'low', 'medium' or 'high'",
        ),
        ({"list": "agents", "field": "usr"}, "Novelty has no field 'usr'"),
        ({"confidence": "low"}, "missing key 'list'"),
    ],
)
def test_what_is_wrong_with_a_case_about_entries_is_told(load, condition, message):
    with pytest.raises(RulesError) as caught:
        load(AGENT, severity=[{"when": condition, "level": "low"}])

    assert message in str(caught.value)


def test_a_list_that_no_selection_names_needs_a_field(load):
    detection = {"s": {"user_name": "x"}, "condition": "s"}

    with pytest.raises(RulesError, match="no selection compares a field with the list 'agents'"):
        load(detection, severity=[{"when": {"list": "agents"}, "level": "low"}])


def test_a_case_that_no_entry_fits_is_a_warning(load, schema):
    rules = load(AGENT, severity=[{"when": {"list": "agents", "campaign": "?"}, "level": "low"}])

    warned = [each.problem.message for each in lint_rules(rules, schema=schema)]
    assert "the list 'agents' has no entry like that" in warned


def test_an_alert_says_until_when_the_entry_counted(load):
    rules = load(AGENT)
    event = {"user_agent": "bad", "time": datetime(2026, 2, 1, tzinfo=UTC)}

    (context,) = collect_list_context(rules.rules[0], event, rules.lists)
    assert ("bad", "2026-01-31") == (context["entry"], context["expired"])


def test_an_explanation_says_why_the_severity_is_lower(load, schema, connection):
    cases = [{"when": {"list": "agents", "confidence": "high"}, "level": "critical"}]
    rules = load(AGENT, severity=cases, dedup={"key": ["user_agent"]})
    subject = ExplainSubject(
        rule=rules.rules[0],
        document=rules.documents["a-rule"],
        event_type="Novelty",
        schema=schema,
        lists=rules.lists,
    )
    relation = f"(SELECT 'e' AS event_uid, TIMESTAMPTZ '{AFTER}' AS time, 'bad' AS user_agent)"

    (found,) = explain_events(
        subject,
        connection,
        relation=relation,
        columns=frozenset({"event_uid", "time", "user_agent"}),
    )
    assert (True, True) == (found.holds, found.selections[0].holds)
    assert ["list agents, confidence high"] == [rung.text for rung in found.ladder.cases]
    assert ["the entry of the list has expired"] == [rung.text for rung in found.ladder.steps]
    assert Severity.HIGH == found.ladder.severity


def test_sigma_has_no_words_for_entries(load):
    rules = load(AGENT, severity=[{"when": {"list": "agents"}, "level": "low"}])

    (exported,) = sigma.export_rules(rules, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert "Sigma has no words for what an entry of a list is like" == exported.reason
