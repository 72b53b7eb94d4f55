"""`rules` lists and tests: the shipped ones are right, broken ones are told by place."""

from __future__ import annotations

import json
import re

import pytest
from cli.processes import invoke_command, parse_lines, run_collector, write_config

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

    assert {rule.name for rule in load_rule_files(()).own_rules} == {
        rule["name"] for rule in listed
    }
    assert all(rule["tests"] and rule["attack"] for rule in listed if rule["alert"])
    assert all(rule["event_types"] and rule["needs"] for rule in listed)


def test_the_list_fits_the_terminal_and_cuts_no_name():
    screen = invoke_command("rules", "list").stdout

    assert 80 >= max(map(len, screen.splitlines()))
    rules = load_rule_files(()).known_rules
    words = set(screen.split())
    assert {rule.name for rule in rules if rule.raises_alert} <= words
    assert not words & {rule.name for rule in rules if not rule.raises_alert}
    assert len(screen.splitlines()) < 2 * len(rules)


def test_a_rule_of_ones_own_is_tested_alone(rule):
    result = invoke_command("rules", "test", rule())

    assert (0, "1 rule: 1 test passed, 0 failed\n") == (result.exit_code, result.stdout)


def test_lists_are_filled_for_the_run(rule, tmp_path):
    path = rule(("user_name|contains: ada", 'user_name|expand: "%integration_users%"'))
    (tmp_path / "users.txt").write_text("bob@acme.com\nada\u0441@acme.com\n")

    assert "0 tests passed, 1 failed" in invoke_command("rules", "test", path).stdout
    for source in ("x,ada\u0441@acme.com", f"@{tmp_path / 'users.txt'}"):
        result = invoke_command("rules", "test", "--list", f"integration_users={source}", path)
        assert "1 test passed, 0 failed" in result.stdout


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("users", "'users': write NAME=VALUE,VALUE or NAME=@FILE"),
        ("Users=x", "'Users' is no name of a list"),
        ("users=@/nowhere/at-all", "there is no file '/nowhere/at-all'"),
        ("users=ada", "none of these rules asks for a list 'users'"),
    ],
)
def test_lists_that_cannot_be_are_refused(rule, value, message):
    result = invoke_command("rules", "test", "--list", value, rule())

    assert 2 == result.exit_code
    assert message in " ".join(result.stderr.split())


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
        "notify": "informational",
        "silenced_by": [],
        "enabled": True,
        "off": "",
        "tuned": [],
        "parameters": [],
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
    assert (["both"], False) == tuple(listed["a-login"][key] for key in ("silenced_by", "alert"))
    screen = invoke_command("rules", "list", path).stdout
    assert "temporal" in screen
    assert "by both" in " ".join(screen.split())
    told = invoke_command("rules", "lint", path).stderr
    assert "a-login raises no alert of its own: both tells of it" in told


def test_the_list_knows_what_is_first_seen(rule, tmp_path):
    path = tmp_path / "first.yml"
    path.write_text(BASELINE[BASELINE.rindex("title: Other") :])

    assert ["first_seen"] == [
        each["kind"] for each in parse_lines(invoke_command("rules", "list", "--json", path))
    ]


def test_the_commands_about_rules_are_named():
    help_text = invoke_command("rules", "--help").stdout

    assert all(name in help_text for name in ("coverage", "export", "lint", "list", "new", "test"))
    assert 2 == invoke_command("rules", "lent").exit_code


@pytest.mark.parametrize(
    ("arguments", "said", "is_named"),
    [
        (("lint",), r"own\.yml:5:8: T9999 is no technique", True),
        (("lint",), r"own\.yml:5:8: T9999 is no technique", False),
        (("list", "--json"), '"name": "a-login"', False),
        (("export", "--to", "sigma"), "name: a-login", True),
    ],
    ids=["lint -c", "lint", "list", "export -c"],
)
def test_without_paths_the_rules_of_the_configuration_are_meant(
    tmp_path, monkeypatch, arguments, said, is_named
):
    (tmp_path / "own.yml").write_text(
        RULE.replace("level: low", "level: low\ntags: [attack.t9999]")
    )
    config = write_config(
        tmp_path,
        "https://acme.my.salesforce.com",
        rules={
            "paths": [str(tmp_path / "own.yml")],
        },
    )
    if not is_named:
        monkeypatch.chdir(tmp_path)
    named = ("-c", config) if is_named else ()

    assert re.search(said, invoke_command("rules", *arguments, *named).stdout)


def test_a_file_is_looked_at_without_the_secrets_of_a_configuration_that_lies_there(
    tmp_path, monkeypatch
):
    write_config(tmp_path, "https://acme.my.salesforce.com")
    (tmp_path / "own.yml").write_text(RULE)
    monkeypatch.chdir(tmp_path)
    config = (tmp_path / "collector.yaml").read_text().replace("SF_SECRET", "SF_SECRET_OF_OTHERS")
    (tmp_path / "collector.yaml").write_text(config)
    result = invoke_command("rules", "lint", "own.yml")

    assert (0, "own.yml") == (result.exit_code, result.stdout.partition(":")[0])
    assert invoke_command("rules", "lint").exception is not None


def test_a_rule_to_begin_with_is_printed_or_written(tmp_path):
    printed = invoke_command("rules", "new", "correlation", "many-failures")
    written = invoke_command("rules", "new", "filter", "etl", "--out", tmp_path / "etl.yml")

    assert "rules: [many-failures-event]" in printed.stdout
    assert (0, "name: etl") == (
        written.exit_code,
        (tmp_path / "etl.yml").read_text().splitlines()[2],
    )
    assert 2 == invoke_command("rules", "new", "plain", "A Name").exit_code


def test_a_failed_test_is_told_with_its_reasons(rule):
    path = rule(("alerts: 1", "alerts: 0"))
    told = invoke_command("rules", "test", path).stdout.splitlines()

    assert told[0].startswith(f"{path}:13: a-login: of ada: expected 0 alerts, got 1")
    assert told[1].startswith("    Login at ")
    assert "user_name|contains: ada" in told[1]
