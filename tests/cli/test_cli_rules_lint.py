"""`rules lint`: what is odd is told by place, and fails only where that is asked for."""

from __future__ import annotations

import pytest
from cli.processes import invoke_command, parse_lines, run_collector

RULE = """\
title: A login
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11
name: a-login
level: low
description: Somebody logged in.
references: [https://example.com]
falsepositives: [Work]
tags: [attack.t9999]
logsource: {product: salesforce, service: Login}
detection:
  ada: {user_name|contains: ada}
  condition: ada
collector:
  tests:
    - name: of ada
      events: [{EVENT_TYPE: Login, USER_NAME: ada@acme.com}]
      expect: {alerts: 1}
"""
ODD = "T9999 is no technique that this version knows"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a-login.yml"
    path.write_text(RULE)
    return path


def test_the_shipped_rules_can_be_loaded():
    result = invoke_command("rules", "lint")

    assert 0 == result.exit_code
    assert " rules, " in result.stdout.splitlines()[-1]


def test_a_warning_is_told_by_place_and_fails_nothing(path):
    result = invoke_command("rules", "lint", path)

    assert 0 == result.exit_code
    assert [f"{path}:8:8: {ODD} (warning)", "1 rule, 1 warning"] == result.stdout.splitlines()


def test_a_warning_fails_where_that_is_asked_for(path):
    assert 1 == invoke_command("rules", "lint", "--strict", path).exit_code

    path.write_text(RULE.replace("t9999", "t1078"))
    result = invoke_command("rules", "lint", "--strict", path)

    assert (0, "1 rule, nothing wrong\n") == (result.exit_code, result.stdout)


def test_json_is_one_warning_a_line(path):
    result = invoke_command("rules", "lint", "--json", path)
    (warned,) = parse_lines(result)

    assert {
        "kind": "warning",
        "rule": "a-login",
        "path": str(path),
        "line": 8,
        "column": 8,
        "message": ODD,
    } == warned
    assert "1 rule, 1 warning\n" == result.stderr


def test_json_has_mistakes_too(path):
    path.write_text(RULE.replace("name: a-", "name: A ").replace("user_name|", "usr_name|"))
    result = invoke_command("rules", "lint", "--json", path)

    assert 2 == result.exit_code
    assert [("error", 3), ("error", 11)] == sorted(
        (each["kind"], each["line"]) for each in parse_lines(result)
    )


def test_what_rules_need_is_told_where_that_is_asked_for(path):
    assert "" == invoke_command("rules", "lint", path).stderr
    assert (
        "a-login: Login needs 'View Event Log Files'\n"
        == invoke_command("rules", "lint", "-v", path).stderr
    )


def test_a_list_that_is_empty_is_told_and_one_that_is_not_there_is_a_mistake(path, tmp_path):
    path.write_text(
        RULE.replace("t9999", "t1078").replace("|contains: ada", "|expand: '%admirals%'")
    )
    process = run_collector("rules", "lint", path, cwd=tmp_path)

    assert 2 == process.returncode
    assert "unknown list 'admirals'" in process.stderr

    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "admirals.yml").write_text("entries: []\n")
    result = invoke_command("rules", "lint", tmp_path)

    assert 0 == result.exit_code
    assert "the list 'admirals' is empty: nothing fits it until somebody fills it (warning)" in (
        result.stdout
    )
    (folder / "admirals.yml").write_text("optional: true\nentries: []\n")
    assert "admirals" not in invoke_command("rules", "lint", tmp_path).stdout
    (folder / "admirals.yml").write_text("optional: maybe\nentries: []\n")
    assert "'optional' must be" in str(invoke_command("rules", "lint", tmp_path).exception)


def test_what_a_rule_says_does_nothing_to_the_terminal(path):
    path.write_text(RULE.replace("condition: ada", 'condition: ada\n  "\\e[31m": {user_name: x}'))
    result = invoke_command("rules", "lint", path)

    assert "\x1b" not in result.stdout
