"""`rules coverage`: which rules can fire in an org that was polled, and what is missing."""

from __future__ import annotations

import pytest
from cli.processes import invoke_command, parse_lines, run_collector, write_config

RULES = """\
title: A login
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11
name: a-login
level: low
tags: [attack.t1078]
logsource: {product: salesforce, service: Login}
detection:
  any: {user_name|exists: true}
  condition: any
collector: {alert: true}
---
title: A call
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b12
name: a-call
level: low
tags: [attack.t1078.004]
logsource: {product: salesforce, service: ApiEvent}
detection:
  any: {user_id|exists: true}
  condition: any
collector: {alert: true}
---
title: A change
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b13
name: a-change
level: low
logsource: {product: salesforce, service: SetupAuditTrail}
detection:
  any: {user_id|exists: true}
  condition: any
---
title: Login and call
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b14
name: both
level: low
tags: [attack.t1078]
correlation:
  type: temporal
  rules: [a-login, a-call]
  group-by: [user_id]
  timespan: 1h
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(RULES)
    return path


def test_each_rule_fires_or_waits_or_is_blind_and_says_why(polled, path):
    found = {
        each["rule"]: each
        for each in parse_lines(
            invoke_command("rules", "coverage", "--json", "-c", polled.config, path)
        )
    }

    assert {"a-login": "fires", "a-call": "blind", "a-change": "waits", "both": "blind"} == {
        name: each["state"] for name, each in found.items()
    }
    assert ["Login"] == found["both"]["seen"]
    assert "does not show it to this user" in found["both"]["why"]["ApiEvent"]
    assert "Event Monitoring add-on" in found["a-call"]["needs"]["ApiEvent"]
    assert {"SetupAuditTrail": "no event so far"} == found["a-change"]["why"]
    assert ("temporal", "acme") == (found["both"]["kind"], found["both"]["org"])


def test_the_table_counts_them(polled, path):
    result = invoke_command("rules", "coverage", "-c", polled.config, path)

    assert 0 == result.exit_code
    assert "acme: 4 rules: 1 fire, 1 wait, 2 blind" == result.stdout.splitlines()[-1]
    assert 80 >= max(map(len, result.stdout.splitlines()))


def test_without_paths_the_rules_of_the_configuration_are_meant(polled):
    found = parse_lines(invoke_command("rules", "coverage", "--json", "-c", polled.config))

    assert {
        each["name"]
        for each in parse_lines(invoke_command("rules", "list", "--json"))
        if each["enabled"]
    } == {each["rule"] for each in found}
    assert "collector-health" in {each["rule"] for each in found if each["state"] == "fires"}


def test_techniques_say_how_many_of_their_rules_can_fire(polled, path):
    found = parse_lines(
        invoke_command("rules", "coverage", "--attack", "--json", "-c", polled.config, path)
    )

    assert [
        ("T1078", "Valid Accounts", ["a-login", "both"], ["a-login"]),
        ("T1078.004", "Valid Accounts: Cloud Accounts", ["a-call"], []),
    ] == [tuple(each[key] for key in ("technique", "name", "rules", "can_fire")) for each in found]
    assert (
        "1 of 2"
        in invoke_command("rules", "coverage", "--attack", "-c", polled.config, path).stdout
    )


@pytest.mark.slow
def test_without_a_configuration_it_says_what_each_rule_needs(path, tmp_path):
    shown = run_collector("rules", "coverage", path, cwd=tmp_path)
    told = run_collector("rules", "coverage", "--json", path, cwd=tmp_path)
    techniques = run_collector("rules", "coverage", "--attack", path, cwd=tmp_path)

    assert (0, 0, 0) == (shown.returncode, told.returncode, techniques.returncode)
    assert "'View Event Log Files'" in shown.stdout
    assert '"needs": {"Login": "\'View Event Log Files\'"}' in told.stdout.splitlines()[0]
    assert "unknown" in techniques.stdout


def test_a_configuration_that_is_named_has_to_be_there(path, tmp_path):
    process = run_collector("rules", "coverage", "-c", "none.yaml", path, cwd=tmp_path)

    assert 2 == process.returncode


def test_before_the_first_poll_nothing_has_been_polled(path, tmp_path):
    channels = {"here": {"type": "terminal"}}
    config = write_config(tmp_path, "http://127.0.0.1:1", channels=channels)
    result = invoke_command("rules", "coverage", "--json", "-c", config, path)

    assert {"waits"} == {each["state"] for each in parse_lines(result)}
    assert "nothing has been collected yet" in result.stderr
