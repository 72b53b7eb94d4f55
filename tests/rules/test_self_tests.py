"""The tests inside rules run on the real path, each alone, and are told from what happened."""

from __future__ import annotations

import pytest

from collector.detect import load_rule_set
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules import self_tests
from collector.rules.rule_files import EVENT_SCHEMA

RULE = """\
title: A login
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11
name: a-login
level: low
logsource: {product: salesforce}
detection:
  ada: {user_name|contains: ada}
  condition: ada
collector:
  event_types: [LoginEvent, Login]
  title: "{user_name} logged in"
  dedup: {key: [user_name], window: 60m}
  tests:
"""

ADA = "{EVENT_TYPE: Login, USER_NAME: ada@acme.com, TIMESTAMP_DERIVED: 2026-03-01T10:00:00.000Z}"
EVENT = (
    "{attributes: {type: LoginEvent}, EventIdentifier: e1, Username: ada@acme.com,"
    " EventDate: 2026-03-01T10:00:00.000+0000}"
)


@pytest.fixture
def complaints(tmp_path):
    """What is said of tests, each given as its events and its expectation."""

    def check(*tests):
        text = RULE
        for number, (events, expectation) in enumerate(tests):
            text += f"    - {{name: t{number}, events: [{events}], expect: {{{expectation}}}}}\n"
        (tmp_path / "rule.yml").write_text(text)
        rules = load_rule_set([tmp_path / "rule.yml"], schema=EVENT_SCHEMA)
        with open_temporary_pipeline(rules) as bench:
            verdicts = self_tests.run_rule_tests(
                rules.rules,
                pipeline=bench.pipeline,
                database=bench.database,
                spool=bench.paths.spool,
            )
            return [verdict.failure for verdict in verdicts]

    return check


def test_a_rule_that_does_what_its_test_says_has_no_complaint(complaints):
    assert [""] == complaints((ADA, "alerts: 1, severity: low, title: ada@acme.com logged in"))


@pytest.mark.parametrize(
    ("expectation", "complaint"),
    [
        ("alerts: 0", "expected 0 alerts, got 1: 'ada@acme.com logged in'"),
        ("alerts: 1, severity: high", "expected high, got low"),
        ("alerts: 1, title: Eve", "expected the title 'Eve', got 'ada@acme.com logged in'"),
    ],
)
def test_a_complaint_says_what_was_expected_and_what_came(complaints, expectation, complaint):
    assert [complaint] == complaints((ADA, expectation))


def test_no_alert_is_called_none(complaints):
    eve = ADA.replace("ada@", "eve@")

    assert ["expected 2 alerts, got 0: none"] == complaints((eve, "alerts: 2"))


def test_no_test_sees_the_events_of_another(complaints):
    another = ADA.replace("ada@", "ada.b@")

    assert ["", "", ""] == complaints(
        (ADA, "alerts: 1"), (another, "alerts: 1"), (f"{ADA}, {another}", "alerts: 2")
    )


def test_events_say_themselves_of_which_type_they_are(complaints):
    eve = EVENT.replace("ada@", "eve@")

    assert ["", "", ""] == complaints(
        (EVENT, "alerts: 1"), (f"{ADA}, {EVENT}", "alerts: 1"), (f"{ADA}, {eve}", "alerts: 1")
    )
