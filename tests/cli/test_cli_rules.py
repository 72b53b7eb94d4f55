"""`rules` lists and tests: the shipped ones are right, broken ones are told by place."""

from __future__ import annotations

import json

import pytest
from cli.processes import invoke_command, parse_lines, run_collector

from collector.errors import RulesError
from collector.rules.rule_files import load_rule_files

RULE = """\
title: A login
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11
name: a-login
level: low
logsource: {product: salesforce, service: Login}
detection:
  ada: {user_name|contains: ada}
  condition: ada
collector:
  title: "{user_name} logged in"
  dedup: {key: [user_name], window: 60m}
  tests:
    - name: of ada
      events: [{EVENT_TYPE: Login, USER_NAME: "ada\\u0441@acme.com"}]
      expect: {alerts: 1}
"""


@pytest.fixture
def rule(tmp_path):
    """Writes a rule in which some words are replaced by others."""

    def write(*replacements, name="a-login.yml"):
        text = RULE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_the_shipped_rules_are_meant_where_none_are_named():
    listed = parse_lines(invoke_command("rules", "list", "--json"))

    assert {rule.name for rule in load_rule_files(()).rules} == {rule["name"] for rule in listed}
    assert all(rule["tests"] and rule["attack"] for rule in listed if rule["alert"])
    assert all(rule["event_types"] and rule["needs"] for rule in listed)


def test_the_list_fits_the_terminal_and_cuts_no_name():
    screen = invoke_command("rules", "list").stdout

    assert 80 >= max(map(len, screen.splitlines()))
    assert all(rule.name in screen.split() for rule in load_rule_files(()).rules)
    assert "more" in screen.split()


def test_a_rule_of_ones_own_is_tested_alone(rule):
    result = invoke_command("rules", "test", rule())

    assert (0, "1 rule: 1 test passed, 0 failed\n") == (result.exit_code, result.stdout)


def test_a_test_that_fails_is_told_by_place_and_exits_with_1(rule):
    path = rule(("alerts: 1", "alerts: 2"))
    result = invoke_command("rules", "test", path)
    complaint, summary = result.stdout.splitlines()

    assert 1 == result.exit_code
    assert complaint.startswith(f"{path}:13: a-login: of ada: expected 2 alerts, got 1: ")
    assert "ada\\u0441@acme.com logged in" in complaint
    assert "1 rule: 0 tests passed, 1 failed" == summary


def test_json_is_one_verdict_a_line_and_the_sum_goes_to_stderr(rule):
    result = invoke_command("rules", "test", "--json", rule(("alerts: 1", "alerts: 0")))
    (verdict,) = parse_lines(result)

    assert 1 == result.exit_code
    assert ("a-login", "of ada", False, 13) == tuple(
        verdict[key] for key in ("rule", "test", "passed", "line")
    )
    assert "1 rule: 0 tests passed, 1 failed\n" == result.stderr


def test_rules_without_tests_are_named(rule):
    path = rule((RULE[RULE.index("  tests:") :], ""))
    result = invoke_command("rules", "test", path)

    assert 0 == result.exit_code
    assert "without tests: a-login\n" == result.stderr


@pytest.mark.parametrize("command", ["list", "lint", "test"])
def test_everything_that_is_wrong_with_rules_is_told_at_once(rule, command):
    first = rule(("level: low", "level: lo"), ("user_name|contains", "usr_name|contains"))
    second = rule(("[user_name]", "[usr_name]"), name="second.yml")
    with pytest.raises(RulesError) as caught:
        raise invoke_command("rules", command, first, second).exception

    assert {first, second} == {problem.path for problem in caught.value.problems}


def test_a_process_tells_each_problem_on_a_line_of_its_own_and_exits_with_2(rule, tmp_path):
    path = rule(
        ("name: a-login", "name: A Login"), ("user_name|", "usr_name|"), name="\x1b[31m.yml"
    )
    process = run_collector("rules", "lint", path, cwd=tmp_path)
    shown = str(path).replace("\x1b", "\\x1b")
    places = [line.removeprefix(f"{shown}:")[:2] for line in process.stderr.splitlines()]

    assert (2, "") == (process.returncode, process.stdout)
    assert ["3:", "7:"] == places
    assert "\x1b" not in process.stderr


def test_the_json_of_a_rule_says_where_it_stands(rule):
    path = rule()
    (listed,) = [
        json.loads(line)
        for line in invoke_command("rules", "list", "--json", path).stdout.splitlines()
    ]

    assert {
        "name": "a-login",
        "id": "6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11",
        "level": "low",
        "kind": "event",
        "alert": True,
        "event_types": ["Login"],
        "lists": [],
        "attack": [],
        "needs": [
            {
                "event_type": "Login",
                "source": "event_log_file",
                "licence": "",
                "storing": False,
                "permissions": ["View Event Log Files"],
            }
        ],
        "tests": 1,
        "path": str(path),
    } == listed


BASELINE = """\
---
title: Much
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b12
name: much
level: low
logsource: {product: salesforce, service: LoginEvent}
detection:
  any: {user_id|exists: true}
  condition: any
collector:
  baseline: {metric: count, group_by: [user_id], window: 1h, history: 30d}
---
title: Both
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b13
name: both
level: low
correlation:
  type: temporal_ordered
  rules: [a-login, other]
  group-by: [user_id]
  timespan: 1h
---
title: Other
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b14
name: other
level: low
logsource: {product: salesforce, service: SetupAuditTrail}
detection:
  any: {user_id|exists: true}
  condition: any
collector:
  first_seen: {key: [user_id], learn: 1d, forget: 2d}
"""


def test_the_list_says_what_kind_each_rule_is_and_what_its_parts_look_at(rule):
    plain = BASELINE.replace(
        "collector:\n  first_seen: {key: [user_id], learn: 1d, forget: 2d}\n", ""
    )
    path = rule()
    path.write_text(path.read_text() + plain)
    listed = {
        each["name"]: each for each in parse_lines(invoke_command("rules", "list", "--json", path))
    }

    assert ("event", "baseline", "temporal_ordered") == tuple(
        listed[name]["kind"] for name in ("a-login", "much", "both")
    )
    assert ["Login", "SetupAuditTrail"] == listed["both"]["event_types"]
    assert ["Login", "SetupAuditTrail"] == [each["event_type"] for each in listed["both"]["needs"]]
    assert "temporal" in invoke_command("rules", "list", path).stdout


def test_the_list_knows_what_is_first_seen(rule, tmp_path):
    path = tmp_path / "first.yml"
    path.write_text(BASELINE[BASELINE.rindex("title: Other") :])

    assert ["first_seen"] == [
        each["kind"] for each in parse_lines(invoke_command("rules", "list", "--json", path))
    ]


def test_the_commands_about_rules_are_named():
    help_text = invoke_command("rules", "--help").stdout

    assert all(name in help_text for name in ("coverage", "export", "lint", "list", "test"))
    assert 2 == invoke_command("rules", "lent").exit_code
