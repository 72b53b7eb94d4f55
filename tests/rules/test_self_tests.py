"""The tests inside rules run on the real path, each alone, and are told from what happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from collector import normalize
from collector.clock import EPOCH
from collector.collection.local_files import read_event_type
from collector.detect.lists import ValueList, ValueLists
from collector.detect.loader import load_rule_set
from collector.errors import RulesError
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.model import RecordTemplate, RuleTest
from collector.normalize.column_mappings import resolve_mapping
from collector.normalize.event_schema import list_native_columns
from collector.rules import self_tests
from collector.rules.rule_files import EVENT_SCHEMA
from collector.rules.rule_test_records import build_records

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
            verdicts = self_tests.run_rule_tests(rules, bench)
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


# ---- what makes tests short

SHORT = """\
title: Reads
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b12
name: reads
level: low
logsource: {product: salesforce}
detection:
  any: {user_id|exists: true}
  trusted: {user_name|expand: "%trusted%"}
  condition: any and not trusted
collector:
  event_types: [ApiEvent, Login, SetupAuditTrail, LoginHistory]
  title: "{user_name|user_id} at {time} with {query|nothing}"
  dedup: {key: [event_uid]}
  defaults:
    every: {like: api}
    api: {like: ApiEvent, Query: "SELECT {i}", UserAgent: x}
  tests:
"""


@pytest.fixture
def said(tmp_path):
    """What is said of tests of `SHORT`, each as its YAML."""

    def check(*tests):
        text = SHORT + "".join(f"    - {{name: t{n}, {test}}}\n" for n, test in enumerate(tests))
        (tmp_path / "rule.yml").write_text(text)
        lists = ValueLists(by_name={"trusted": ValueList(name="trusted", entries=())})
        rules = load_rule_set([tmp_path / "rule.yml"], schema=EVENT_SCHEMA, lists=lists)
        with open_temporary_pipeline(rules) as bench:
            return [verdict.failure for verdict in self_tests.run_rule_tests(rules, bench)]

    return check


def test_records_are_like_others_copied_and_dated(said):
    noon = "ada@acme.com at 2026-03-02 12:00:00 UTC with"

    assert [""] * 5 == said(
        f"events: [{{}}], expect: {{title: '{noon} SELECT {{i}}'}}",
        "events: [{at: +1h30m, UserId: 005000000000002AAA, Username: null}],"
        " expect: {title: '005000000000002AAA at 2026-03-02 13:30:00 UTC with SELECT {i}'}",
        "start: 2026-01-31T23:59:00+01:00, events: [{at: -20d, repeat: {count: 2, every: 1d}}],"
        " expect: {alerts: [{title: 'ada@acme.com at 2026-01-12 22:59:00 UTC with SELECT 2'},"
        " {title: 'ada@acme.com at 2026-01-11 22:59:00 UTC with SELECT 1', severity: low}]}",
        "events: [{like: Login}, {like: SetupAuditTrail}, {like: LoginHistory, at: +0s}],"
        f" expect: {{alerts: [{{title: '{noon} nothing'}}, {{title: '{noon} nothing'}},"
        " {title: '005000000000001AAA at 2026-03-02 12:00:00 UTC with nothing'}]}",
        "events: [{repeat: {count: 120}}], expect: {alerts: 120}",
    )


def test_every_event_type_has_samples_that_are_dated_in_a_column_of_its_own(tmp_path):
    (tmp_path / "rule.yml").write_text(RULE.replace("  tests:\n", ""))
    (rule,) = load_rule_set([tmp_path / "rule.yml"], schema=EVENT_SCHEMA).rules
    types = [
        name for name in normalize.list_event_types() if name not in normalize.DERIVED_EVENT_TYPES
    ]
    for name in types:
        template = RecordTemplate(values={}, sample_type=name)
        (record,) = build_records(rule, RuleTest(name="", records=(template,), alert_count=0))
        times = [each.native_column for each in resolve_mapping(name)["time"]]
        dated = [column for column in record.values if column in times]

        assert (name, name) == (record.event_type, read_event_type(record.values))
        assert 1 == len(dated), name
        assert dated[0] in (list_native_columns(name) or times)


def test_a_test_has_lists_of_its_own(said):
    assert ["", "", ""] == said(
        "events: [{}], expect: {alerts: 1}",
        "lists: {trusted: [{value: ada@acme.com, expires: 2026-12-31}]}, events: [{}],"
        " expect: {alerts: 0}",
        "lists: {trusted: [eve@acme.com]}, events: [{}], expect: {alerts: 1}",
    )


def test_what_is_expected_of_each_alert_is_told_where_it_is_not_there(said):
    (failure,) = said("events: [{}], expect: {alerts: [{severity: high}]}")

    assert failure.startswith(
        "no alert is as expected: severity high; there is low"
        " 'ada@acme.com at 2026-03-02 12:00:00 UTC with SELECT {i}' of ['"
    )


WRONG = [
    ("events: [{like: [ApiEvent]}], expect: {}", "'like' must be text"),
    ("events: [{like: {a: b}}], expect: {}", "'like' must be text"),
    ("events: [{repeat: {count: 9999, every: 3650d}}], expect: {}", "'repeat' reaches over more"),
    ("start: 9999-12-31T00:00:00Z, events: [{}], expect: {}", "must lie between 1990 and 2200"),
    ("events: [{like: apo}], expect: {}", "'apo' is none of the defaults and no event type, did"),
    ("events: [{at: 10s}], expect: {}", "'at' must be a time from the start of the test, such as"),
    ("events: [{repeat: {count: 0}}], expect: {}", "'count' must be at least 1"),
    ("events: [{repeat: {cuont: 2, count: 1}}], expect: {}", "unknown key 'cuont', did you mean"),
    (
        "events: [{repeat: {count: 2}, EventIdentifier: e1}], expect: {}",
        "the copies are one event: write {i} into EventIdentifier",
    ),
    ("events: [{}], lists: {trustd: []}, expect: {}", "unknown list 'trustd', did you mean"),
    ("events: [{}], lists: {trusted: [{valu: x}]}, expect: {}", "unknown key 'valu', did you"),
    ("events: [{}], directory: {users: []}, expect: {}", "the directory has no 'users', did you"),
    ("events: [{}], directory: {user: [{name: x}]}, expect: {}", "missing key 'id'"),
    ("events: [{}], directory: {user: [{id: 5}]}, expect: {}", "put it into quotes"),
    (
        "events: [{}], directory: {user: [{id: x, profil: Admin}]}, expect: {}",
        "the directory knows no 'profil' of a user, did you mean 'profile'?",
    ),
    (
        "events: [{}], directory: {user: [{id: x, is_active: true}]}, expect: {}",
        "no 'is_active' of a user, did you mean 'active'?",
    ),
    (
        "events: [{}], directory: {app: [{id: x, is_internal: 'no'}]}, expect: {}",
        "'is_internal' must be true or false",
    ),
    (
        "events: [{}], directory: {user: [{id: x, permission_sets: A}]}, expect: {}",
        "'permission_sets' must be a list of texts",
    ),
    (
        "events: [{}], directory: {user: [{id: x, created: lately}]}, expect: {}",
        "'created' must be a moment such as",
    ),
    ("events: [{}], directory: {report: [{id: x, name: 5}]}, expect: {}", "'name' must be text"),
    (
        "events: [{like: SignIn}], expect: {}",
        "no log has events of SignIn, which is made of others: let it be like one of LoginEvent,",
    ),
    (
        "events: [{like: ApiEvent, attributes: {type: ApiCall}}], expect: {}",
        "no log has events of ApiCall, which is made of others",
    ),
    ("event_type: BulkJob, events: [{}], expect: {}", "no log has events of BulkJob"),
    (
        "events: [{}], directory: {user: [{id: x, valid_from: now}]}, expect: {}",
        "'valid_from' must be a moment such as",
    ),
    ("events: [{}], start: noon, expect: {}", "'start' must be a moment such as"),
    ("events: [{}], expect: {alerts: [{serverity: low}]}", "unknown key 'serverity', did you mean"),
]


@pytest.mark.parametrize(("test", "message"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_with_a_test_is_told_at_its_line(said, test, message):
    with pytest.raises(RulesError) as caught:
        said(test)

    told = [each.message for each in caught.value.problems if message in each.message]
    assert 1 == len(told)
    assert {18} == {each.line for each in caught.value.problems}


def test_defaults_that_are_like_each_other_are_told(tmp_path):
    path = tmp_path / "rule.yml"
    text = SHORT.replace("%trusted%", "x").replace("like: ApiEvent", "like: every, at: x")
    path.write_text(text.replace("|expand", "").replace("  tests:\n", ""))
    with pytest.raises(RulesError) as caught:
        load_rule_set([path], schema=EVENT_SCHEMA)

    assert {"is like itself: api → every → api", "'at' is of an event of a test"} <= {
        each.message.partition(",")[0] for each in caught.value.problems
    }


def test_a_default_that_is_like_no_name_is_told(tmp_path):
    path = tmp_path / "rule.yml"
    path.write_text(SHORT.replace("like: ApiEvent", "like: [ApiEvent]").replace("  tests:\n", ""))
    with pytest.raises(RulesError) as caught:
        load_rule_set([path], schema=EVENT_SCHEMA)

    assert "'like' must be text" in {each.message for each in caught.value.problems}


def test_the_directory_of_a_test_is_written_for_its_org(tmp_path):
    entry = '{id: "005000000000001", valid_from: -1d, profile: Administrator, is_admin: true}'
    test = f"    - {{name: t, directory: {{user: [{entry}]}}, events: [{{}}], expect: {{}}}}\n"
    rule = SHORT.replace("%trusted%", "x").replace("|expand", "")
    (tmp_path / "rule.yml").write_text(rule + test)
    rules = load_rule_set([tmp_path / "rule.yml"], schema=EVENT_SCHEMA)
    with open_temporary_pipeline(rules) as bench:
        with bench.database.begin() as state:
            state.execute(
                sa.text(
                    "CREATE TABLE IF NOT EXISTS directory_entries"
                    ' (org, kind, id, valid_from, noticed, "values")'
                )
            )
        assert [""] == [each.failure for each in self_tests.run_rule_tests(rules, bench)]
        with bench.database.read() as state:
            (row,) = state.execute(sa.text("SELECT * FROM directory_entries"))

    assert ("reads-0", "user", "005000000000001AAA") == tuple(row)[:3]
    assert {"profile": "Administrator", "is_admin": True} == json.loads(row[5])
    assert datetime(2026, 3, 1, 12, tzinfo=UTC) == EPOCH + timedelta(microseconds=row[3])
