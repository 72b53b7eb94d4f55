"""Rule files: what is read out of them, and every way in which they can be wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.detect import lists, loader
from collector.errors import RulesError
from collector.model import AlertExpectation, Severity

WHOLE = """\
description: Somebody logs in.
references: [https://example.com/a]
tags: [attack.initial-access, attack.t1078.004, attack.t1110, tlp.clear]
date: 2026-11-20
logsource: {product: salesforce, service: Login}
detection:
  selection:
    LOGIN_STATUS: LOGIN_NO_ERROR
  admin:
    user_name|startswith: admin
  condition: selection
collector:
  severity:
    - {when: admin, level: high}
    - {when: admin and selection, field: user_id, eq: "005", level: low}
  title: "Login by {user_name|user_id|somebody}"
  severity_step:
    - {when: admin, field: user_id, eq: "005"}
    - {when: selection, add: 2, max: high}
  dedup: {key: [user_id], fallback: [source_ip], window: 24h}
  triage: |
    Ask.
  tests:
    - name: it fires
      events: [{EVENT_TYPE: Login, TIMESTAMP: 2026-11-20}]
      expect: {alerts: 1, severity: high, title: Login by admin, dedup: ["005", ""]}
    - name: it does not
      event_type: ApiEvent
      events: [{a: 1}, {a: null}]
      expect: {alerts: 0}
"""


def test_a_whole_rule_is_read(rule_file, schema):
    path = rule_file(WHOLE)

    (rule,) = loader.load_rule_set([path], schema=schema).rules

    assert "0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01" == rule.id
    assert ("a-rule", Severity.MEDIUM, ("Login",)) == (rule.name, rule.level, rule.event_types)
    assert [Severity.HIGH, Severity.LOW] == [case.level for case in rule.severity_cases]
    assert [(1, Severity.CRITICAL), (2, Severity.HIGH)] == [
        (s.increment, s.max_severity) for s in rule.severity_steps
    ]
    assert "Login by {user_name|user_id|somebody}" == rule.title
    assert (("user_id",), ("source_ip",)) == (rule.dedup_key, rule.dedup_fallback)
    assert timedelta(hours=24) == rule.dedup_window
    assert ("T1078.004", "T1110") == rule.attack
    assert ("https://example.com/a",) == rule.references
    assert ("Somebody logs in.", "Ask.", True) == (rule.description, rule.triage, rule.raises_alert)
    assert {"LOGIN_STATUS", "user_name", "user_id", "source_ip"} == rule.fields
    assert path == rule.path


def test_the_tests_of_a_rule_keep_their_records_as_written(rule_file, schema):
    (rule,) = loader.load_rule_set([rule_file(WHOLE)], schema=schema).rules

    first, second = rule.tests

    (record,) = first.records
    assert {"EVENT_TYPE": "Login", "TIMESTAMP": "2026-11-20"} == record.values
    assert (1, Severity.HIGH, "Login by admin", ("005", "")) == (
        first.alert_count,
        first.expected.severity,
        first.expected.title,
        first.expected.dedup_key,
    )
    assert (0, AlertExpectation(), "ApiEvent") == (
        second.alert_count,
        second.expected,
        second.event_type,
    )
    assert [28, 31] == [test.line for test in rule.tests]


def test_a_plain_rule_has_defaults(rule_file, schema):
    body = """
    logsource: {product: salesforce}
    detection: {s: {user_id: x}, condition: s}
    """

    (rule,) = loader.load_rule_set([rule_file(body)], schema=schema).rules

    assert ((), (), "A rule") == (rule.event_types, rule.severity_cases, rule.title)
    assert (("user_id", "source_ip"), ()) == (rule.dedup_key, rule.dedup_fallback)
    assert timedelta(minutes=60) == rule.dedup_window
    assert rule.raises_alert


BODY = "logsource: {product: salesforce}\ndetection: {s: {user_id: x}, condition: s}\n"


def test_folders_are_read_to_the_bottom_and_files_count_once(rule_file, schema, tmp_path):
    def head(name, number):
        return (
            f"title: T\nid: 0d9ff9fb-6f0f-4c55-9f0b-00000000000{number}\nname: {name}\nlevel: low\n"
        )

    rule_file(BODY, name="z.yml", head=head("z", 1))
    rule_file(BODY, name="deep/er/a.yaml", head=head("a", 2))
    rule_file("not: [a rule", name="notes.txt", head="")
    two = head("m", 3) + BODY + "---\n" + head("n", 4) + BODY + "---\n"
    path = rule_file("", name="m.yml", head=two)

    loaded = loader.load_rule_set([tmp_path, path], schema=schema)

    assert ["a", "m", "n", "z"] == [rule.name for rule in loaded.rules]


@pytest.mark.parametrize("pattern", ["a-rule", "a-*", "0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01", "*"])
def test_a_disabled_rule_is_not_there_whatever_is_wrong_with_it(pattern, rule_file, schema):
    path = rule_file("logsource: {product: nonsense}\n")

    assert () == loader.load_rule_set([path], schema=schema, disable=[pattern]).rules


# ---- problems: what is written, and what is said of it


def lines(*written):
    return "\n".join(written) + "\n"


SOURCE = "logsource: {product: salesforce, service: Login}"
FINE = (SOURCE, "detection:", "  s:", "    user_id: x", "  condition: s")


def said(path, schema):
    with pytest.raises(RulesError) as caught:
        loader.load_rule_set([path], schema=schema)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


DETECTION = [
    (("    usr_id: x",), "8:5: Login has no field 'usr_id', did you mean 'user_id'?"),
    (
        ("    login_status: x",),
        "8:5: Login has no field 'login_status', did you mean 'LOGIN_STATUS'?",
    ),
    (("    record_count: 5",), "8:5: 'record_count' never has a value in Login"),
    (
        ("    user_id|contans: x",),
        "8:5: modifier 'contans' is not served, did you mean 'contains'?",
    ),
    (("    user_id|expand: '%x%'",), "8:5: unknown list 'x'"),
    (
        ("    user_id|fieldref: usr_name",),
        "8:5: Login has no field 'usr_name', did you mean 'user_name'?",
    ),
    (
        ("    user_id|re: '(?<!a)b'",),
        "8:5: no regular expression of RE2 (which has no look-around): invalid perl",
    ),
    (
        ("    user_id|re: '(a'",),
        "8:5: no regular expression of RE2 (which has no look-around): missing )",
    ),
    (("    source_ip|cidr: 10.0.0.1/8",), "8:5: Invalid CIDR expression"),
    (("    user_id|cidr: 10.0.0.0/8",), "8:5: cidr is served for source_ip, whose"),
    (("    user_id|gte: abc",), "8:5: gte needs a number"),
    (("    user_id: []",), "8:5: an empty list"),
    (("    user_id: {a: b}",), "8:5: a value is text, a number"),
    (("    - user_id: x", "    - usr_id: x"), "9:7: Login has no field 'usr_id'"),
]


@pytest.mark.parametrize(("item", "expected"), DETECTION)
def test_a_selection_is_refused_at_its_own_line(item, expected, rule_file, schema):
    path = rule_file(lines(SOURCE, "detection:", "  s:", *item, "  condition: s"))

    (found,) = said(path, schema)

    assert found.startswith(expected)


def whole(*others, source=SOURCE):
    return lines(source, *FINE[1:], *others)


RULES = [
    (whole("collector:", "  titel: x"), "11:3: unknown key 'titel', did you mean 'title'?"),
    (whole("collector:", "  title: 5"), "11:3: 'title' must be text"),
    (whole("collector:", "  alert: maybe"), "11:3: 'alert' must be true or false"),
    (whole("collector: [a]"), "10:1: 'collector' must hold keys"),
    (whole("collector:", "  title: '{usr_name}'"), "11:3: unknown field 'usr_name'"),
    (whole("collector:", "  title: '{user_id'"), "11:3: a '{' without its other half"),
    (whole("collector:", "  dedup: {key: [user_id, nme]}"), "11:26: Login has no field 'nme'"),
    (
        whole("collector:", "  dedup: {fallback: [job_id]}"),
        "11:22: 'job_id' never has a value in Login",
    ),
    (whole("collector:", "  dedup: {window: 5 minutes}"), "11:11: 'window' must be a duration"),
    (whole("collector:", "  dedup: {key: []}"), "11:11: 'key' must hold one item or more"),
    (
        whole("collector:", "  severity:", "    - {when: t, level: low}"),
        "12:8: unknown selection 't'; known are s",
    ),
    (
        whole("collector:", "  severity:", "    - {when: s and (, level: low}"),
        "12:8: no condition over selections",
    ),
    (
        whole("collector:", "  severity:", "    - {when: s, level: bad}"),
        "12:17: 'level' must be one of informational",
    ),
    (whole("collector:", "  severity:", "    - {when: s}"), "12:7: missing key 'level'"),
    (whole("collector:", "  severity:", "    - {level: low}"), "12:7: a case needs 'when'"),
    (
        whole("collector:", "  severity_step:", "    - {when: s, add: 5}"),
        "12:17: 'add' must be at most 4",
    ),
    (
        whole("collector:", "  severity_step:", "    - {when: s, mx: high}"),
        "12:17: unknown key 'mx', did you mean 'max'?",
    ),
    (
        whole("collector:", "  severity_step:", "    - {when: s, max: hi}"),
        "12:17: 'max' must be one of",
    ),
    (
        whole("collector:", "  severity_step:", "    - {when: t}"),
        "12:8: unknown selection 't'; known are s",
    ),
    (
        whole("collector:", "  severity:", "    - {field: user_id, level: low}"),
        "12:7: 'field' and a comparison",
    ),
    (
        whole("collector:", "  severity:", "    - {when: s, gte: 5, level: low}"),
        "12:7: 'field' and a comparison",
    ),
    (
        whole("collector:", "  severity:", "    - {field: scor, gte: 5, level: low}"),
        "12:8: Login has no field 'scor'",
    ),
    (
        whole("collector:", "  severity:", "    - {field: user_id, gte: x, level: low}"),
        "12:24: 'gte' must be a number",
    ),
    (
        whole("collector:", "  tests:", "    - {name: n, events: [], expect: {}}"),
        "12:17: 'events' must hold one item or more",
    ),
    (
        whole("collector:", "  tests:", "    - {name: n, events: [{a: b}]}"),
        "12:7: missing key 'expect'",
    ),
    (
        whole(
            "collector:", "  tests:", "    - {name: n, event_type: Logn, events: [{}], expect: {}}"
        ),
        "12:17: unknown event type 'Logn', did you mean 'Login'?",
    ),
    (
        whole("collector:", "  tests:", "    - {name: n, events: [{}], expect: {alert: 1}}"),
        "12:40: unknown key 'alert', did you mean 'alerts'?",
    ),
    (
        whole("collector:", "  event_types: [Login]"),
        "11:3: event_types and a service: name one of them",
    ),
    (
        whole(source="logsource: {product: salesforce, service: Logins}"),
        "5:34: unknown event type 'Logins', did you mean 'Login'?",
    ),
    (
        whole(source="logsource: {product: windows, service: Login}"),
        "5:13: the product must be salesforce",
    ),
    (
        whole(source="logsource: {product: salesforce, service: Login, category: x}"),
        "5:50: a category says nothing here",
    ),
    (whole("tags: [nonsense]"), "10:1: Sigma tag must start with namespace"),
    (whole("status: ready"), "10:1: 'ready' is not a valid Sigma rule status"),
    (whole("references: [5]"), "10:14: a reference is text"),
    (whole("date: yesterday"), "10:1: Rule date 'yesterday' is invalid"),
    (lines(SOURCE, "detection:", "  s:", "    user_id: x"), "6:1: missing key 'condition'"),
    (
        lines(SOURCE, "detection:", "  s: {user_id: x}", "  condition: t"),
        "8:3: no condition: Detection 't' not defined",
    ),
    (lines(SOURCE, "detection:", "  s: {user_id: x}", "  condition: s and"), "8:3: no condition"),
    (
        lines(SOURCE, "detection:", "  s: {user_id: x}", "  condition: s | count() > 5"),
        "8:3: a pipe in a condition (count, near) is what correlations have replaced",
    ),
    (lines(SOURCE, "detection:", "  condition: s"), "7:3: no condition: No detections defined"),
    (lines(SOURCE, "detection: [x]"), "6:1: a detection is a mapping of selections"),
    (lines(SOURCE), "1:1: missing key 'detection'"),
    (lines("detection: {s: {user_id: x}, condition: s}"), "1:1: missing key 'logsource'"),
]


@pytest.mark.parametrize(("body", "expected"), RULES, ids=[row[1] for row in RULES])
def test_a_rule_is_refused_at_the_line_of_what_is_wrong(body, expected, rule_file, schema):
    (found,) = said(rule_file(body), schema)

    assert found.startswith(expected)


HEADS = [
    ("id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01\nname: a\nlevel: low\n", "1:1: missing key 'title'"),
    ("title: T\nid: 12\nname: a\nlevel: low\n", "2:1: a rule's id is a UUID"),
    (
        "title: T\nname: a\nlevel: low\nrelated:\n  - {type: obsoletes, id: x}\n",
        "5:6: 'obsoletes' is no relation of rules, did you mean 'obsolete'?",
    ),
    ("title: T\nid: abc\nname: a\nlevel: low\n", "2:1: Sigma rule identifier must be an UUID"),
    (
        "title: T\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01\nname: A b\nlevel: low\n",
        "3:1: a rule's name is a slug",
    ),
    (
        "title: T\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01\nname: a\nlevel: bad\n",
        "4:1: 'bad' is not a valid Sigma rule level",
    ),
    (
        "title: [T]\nid: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01\nname: a\nlevel: low\n",
        "1:1: Sigma rule title must be a string",
    ),
]


@pytest.mark.parametrize(("head", "expected"), HEADS, ids=[row[1] for row in HEADS])
def test_what_every_rule_has_is_asked_for(head, expected, rule_file, schema):
    (found,) = said(rule_file(lines(*FINE), head=head), schema)

    assert found.startswith(expected)


def test_collections_of_sigma_are_refused_clearly(rule_file, schema):
    expected = "5:1: action (global, reset, repeat) is not served; write every rule out"

    assert [expected] == said(rule_file("action: global\n"), schema)


def test_a_test_of_several_types_must_say_which(rule_file, schema):
    body = lines(
        "logsource: {product: salesforce}",
        "detection: {s: {user_id: x}, condition: s}",
        "collector:",
        "  event_types: [Login, ApiEvent]",
        "  tests:",
        "    - name: n",
        "      events: [{EVENT_TYPE: Login}, {attributes: {type: ApiEvent}}, {user: x}]",
        "      expect: {alerts: 1}",
    )

    (found,) = said(rule_file(body), schema)

    assert found.startswith("11:69: of which type?")


def test_a_field_needs_only_one_of_the_types(rule_file, schema):
    body = """
    logsource: {product: salesforce}
    detection: {s: {LOGIN_STATUS: x, record_count|gte: 5}, condition: s}
    collector: {event_types: [Login, ApiEvent]}
    """

    assert 1 == len(loader.load_rule_set([rule_file(body)], schema=schema).rules)


def test_an_undocumented_type_may_have_any_native_field(rule_file, schema):
    body = """
    logsource: {product: salesforce, service: Novelty}
    detection: {s: {SomethingNew: x, ELSE_WHERE: y}, condition: s}
    collector: {title: "{SomethingNew|nothing new}"}
    """

    assert 1 == len(loader.load_rule_set([rule_file(body)], schema=schema).rules)


def test_everything_wrong_in_every_file_is_told_at_once(rule_file, schema, tmp_path):
    rule_file("a: [\n", name="a.yml", head="")
    rule_file(lines(*FINE, "references: [5]", "collector: {titel: x}"), name="b.yml")
    rule_file(lines(*FINE), name="c/d.yml")
    rule_file(lines(*FINE), name="e.yml")

    with pytest.raises(RulesError) as caught:
        loader.load_rule_set([tmp_path, tmp_path / "none.yml"], schema=schema)

    told = [f"{p.path.name}:{p.line}" for p in caught.value.problems]
    assert ["a.yml:2", "b.yml:10", "b.yml:11"] == told[:3]
    assert {"d.yml:2", "d.yml:3", "e.yml:2", "e.yml:3", "none.yml:1"} >= set(told[3:])
    assert "none.yml:1" in told


def test_two_rules_cannot_have_one_name_or_id(rule_file, schema, tmp_path):
    first = rule_file(lines(*FINE), name="a.yml")
    second = rule_file(lines(*FINE), name="b.yml")

    with pytest.raises(RulesError) as caught:
        loader.load_rule_set([tmp_path], schema=schema)

    assert [
        f"{second}:2:1: the rule at {first}:2 has the same id",
        f"{second}:3:1: the rule at {first}:3 has the same name",
    ] == [str(problem) for problem in caught.value.problems]


def test_a_folder_without_rules_is_a_mistake(tmp_path, schema):
    with pytest.raises(RulesError, match="a folder without rule files"):
        loader.load_rule_set([tmp_path], schema=schema)


def test_what_only_the_engine_refuses_is_refused_when_loading(rule_file, schema):
    """No rule waits for its first event to fail."""
    source = "logsource: {product: salesforce, service: ApiEvent}"
    item = "    RowsProcessed|gte: 1427247692705959881058285969449495136382746624"
    body = lines(source, "detection:", "  s:", item, "  condition: s")

    (found,) = said(rule_file(body), schema)

    assert found.startswith("6:1: the engine refuses it: Binder Error")


def test_a_folder_of_lists_holds_no_rules(rule_file, schema, tmp_path):
    rule_file(BODY)
    rule_file("entries: [a]\n", name="lists/names.yml", head="")

    assert 1 == len(loader.load_rule_set([tmp_path], schema=schema).rules)


def test_a_folder_may_hold_lists_alone(rule_file, schema, tmp_path):
    rule_file("entries: [a]\n", name="lists/names.yml", head="")

    assert () == loader.load_rule_set([tmp_path], schema=schema).rules


def test_a_rule_knows_the_lists_that_it_reads(rule_file, schema, tmp_path):
    body = """
    logsource: {product: salesforce, service: Login}
    detection:
      s: {user_name|expand: '%admins%'}
      t: {user_name|expand: '%robots%'}
      condition: s
    collector: {severity: [{when: t, level: high}]}
    """
    rule_file("entries: [ada@example.com]\n", name="lists/admins.yml", head="")
    rule_file("entries: [etl@example.com]\n", name="lists/robots.yml", head="")
    paths = [rule_file(body)]

    loaded = loader.load_rule_set(paths, schema=schema, lists=lists.load_lists([tmp_path]))

    assert [frozenset({"admins", "robots"})] == [rule.lists for rule in loaded.rules]
