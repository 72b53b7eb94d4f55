"""`rules backtest`: how often each rule would have told you, over an archive or over files."""

from __future__ import annotations

import pytest
from cli.conftest import AGENT
from cli.processes import invoke_command, parse_lines, run_collector

from collector.demo.event_log import render_csv_line

RULES = """\
title: A tool
id: 7f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b11
name: tool
level: high
logsource: {{product: salesforce, service: Login}}
detection:
  tool: {{user_agent|contains: {agent}}}
  condition: tool
collector: {{dedup: {{key: [user_name], window: 1h}}}}
---
title: A call
id: 7f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b12
name: {name}
level: low
logsource: {{product: salesforce, service: ApiEvent}}
detection:
  any: {{user_id|exists: true}}
  condition: any
"""
HEADER = ["EVENT_TYPE", "TIMESTAMP_DERIVED", "USER_NAME", "BROWSER_TYPE"]


def rules(folder, agent="CLI", name="call"):
    folder.mkdir(exist_ok=True)
    (folder / "rules.yml").write_text(RULES.format(agent=agent, name=name))
    return folder


@pytest.fixture
def path(tmp_path):
    return rules(tmp_path / "here")


@pytest.fixture
def log(tmp_path):
    """Four days of logins: ada's tool twice on the first day and once on the last, eve's once."""
    found = [
        ("01T10:00", "ada@acme.com", AGENT),
        ("01T12:00", "ada@acme.com", AGENT),
        ("02T10:00", "bob@acme.com", "Mozilla/5.0"),
        ("03T10:00", "ev\u0435@acme.com", AGENT),
        ("04T10:00", "ada@acme.com", AGENT),
    ]
    rows = [["Login", f"2026-03-{time}:00.000Z", user, agent] for time, user, agent in found]
    path = tmp_path / "Login.csv"
    path.write_text("".join(map(render_csv_line, [HEADER, *rows])))
    return path


def test_over_an_archive_every_rule_is_counted_and_nothing_is_changed(polled, path):
    state = polled.config.parent / "state"
    before = {each: each.stat().st_mtime_ns for each in state.rglob("*.parquet")}
    result = invoke_command("rules", "backtest", "--json", "-c", polled.config, path)
    tool, call = parse_lines(result)

    assert 0 == result.exit_code
    assert ("tool", 1, 1, {"high": 1}) == (
        *(tool[key] for key in ("rule", "alerts", "events", "severities")),
    )
    assert [{"org": "acme", "key": ["eve@acme.com"], "alerts": 1, "events": 1}] == tool["groups"]
    assert (0, [], ["ApiEvent"]) == (call["alerts"], call["groups"], call["unseen"])
    assert before == {each: each.stat().st_mtime_ns for each in state.rglob("*.parquet")}


def test_without_rules_those_of_the_configuration_are_meant(polled):
    told = {
        each["rule"]: each["alerts"]
        for each in parse_lines(invoke_command("rules", "backtest", "--json", "-c", polled.config))
    }

    assert {
        each["name"]
        for each in parse_lines(invoke_command("rules", "list", "--json"))
        if each["alert"] and each["enabled"]
    } == told.keys()
    assert 1 == told["cli-activity"]


def test_an_archive_is_looked_back_on_as_far_as_is_said(polled, path):
    for since, alerts in (("30d", 1), ("1h", 0)):
        result = invoke_command(
            "rules", "backtest", "--json", "--since", since, "-c", polled.config, path
        )

        assert alerts == parse_lines(result)[0]["alerts"]


def test_only_orgs_of_the_configuration_can_be_chosen(polled, path):
    result = invoke_command(
        "rules", "backtest", "--org", "acme", "--json", "-c", polled.config, path
    )
    assert 1 == parse_lines(result)[0]["alerts"]

    result = invoke_command("rules", "backtest", "--org", "other", "-c", polled.config, path)
    assert 2 == result.exit_code
    assert "no org 'other'; it has acme" in result.stderr


def test_over_files_days_and_groups_are_counted(log, path):
    tool, _ = parse_lines(invoke_command("rules", "backtest", "--json", "--files", log, path))

    assert {"2026-03-01": 2, "2026-03-03": 1, "2026-03-04": 1} == tool["days"]
    assert (4, 2, 1.33) == (tool["alerts"], tool["most_per_day"], tool["per_day"])
    assert [["ada@acme.com"], ["ev\u0435@acme.com"]] == [each["key"] for each in tool["groups"]]
    assert [3, 1] == [each["alerts"] for each in tool["groups"]]


def test_files_are_looked_back_on_from_their_last_event(log, path):
    tool, _ = parse_lines(
        invoke_command("rules", "backtest", "--json", "--files", log, "--since", "25h", path)
    )

    assert {"2026-03-03": 1, "2026-03-04": 1} == tool["days"]


def test_people_get_a_table_in_which_nothing_acts_and_a_sum(log, path):
    result = invoke_command("rules", "backtest", "--files", log, path)
    told = result.stdout.splitlines()

    assert 0 == result.exit_code
    assert "2 rules over 5 events of 3 days: 4 alerts, 1.3 a day" == told[-1]
    assert "ada@acme.com (3)" in result.stdout
    assert "ev\\u0435@acme.com" in result.stdout
    assert "no event of ApiEvent" in result.stdout
    assert 80 >= max(map(len, told))
    assert "".join(told).isprintable()


@pytest.mark.slow
def test_the_difference_to_another_version_is_shown(log, path, tmp_path):
    other = rules(tmp_path / "there", agent="Mozilla", name="other-call")
    arguments = ("rules", "backtest", "--files", log, "--against", other, path)
    found = {each["rule"]: each for each in parse_lines(invoke_command(*arguments, "--json"))}

    assert {"tool", "call", "other-call"} == found.keys()
    assert (4, 1) == (found["tool"]["alerts"], found["tool"]["against"]["alerts"])
    assert [["bob@acme.com"]] == [each["key"] for each in found["tool"]["gone_groups"]]
    assert 2 == len(found["tool"]["new_groups"])
    assert (None, 0) == (found["call"]["against"], found["call"]["alerts"])
    assert (0, None) == (found["other-call"]["against"]["alerts"], found["other-call"]["alerts"])
    told = invoke_command(*arguments).stdout
    for words in ("3 alerts more", "gone: bob@acme.com", "only here", "only there"):
        assert words in told
    assert "0 rules told the same in both versions, 3 did not" in told


@pytest.mark.slow
def test_versions_that_tell_the_same_have_no_difference(log, path):
    arguments = ("rules", "backtest", "--files", log, "--against", path, path)

    assert "2 rules told the same in both versions, 0 did not" in invoke_command(*arguments).stdout
    assert [False, False] == [
        each["is_different"] for each in parse_lines(invoke_command(*arguments, "--json"))
    ]


def test_what_cannot_be_read_is_told_and_the_rest_counts(log, path):
    broken = log.with_name("b.csv")
    broken.write_text('"Id"\n"1"\n')
    result = invoke_command("rules", "backtest", "--json", "--files", log, "--files", broken, path)

    assert 1 == result.exit_code
    assert 4 == parse_lines(result)[0]["alerts"]
    assert f"{broken}: its event type cannot be told" in result.stderr


def test_further_files_are_files_and_not_rules(log, path):
    """As a shell writes `--files *.csv`."""
    other = log.with_name("more-Login.csv")
    other.write_text(log.read_text().replace("2026-03-04", "2026-03-05"))
    result = invoke_command("rules", "backtest", "--json", "--files", log, other, path)

    assert 8 == parse_lines(result)[0]["events"]


def test_a_log_without_files_before_it_is_told(log):
    result = invoke_command("rules", "backtest", log)

    assert 2 == result.exit_code
    assert f"{log} holds no rules: give logs with --files" in result.stderr.replace("\n", " ")


@pytest.mark.slow
def test_wrong_rules_are_told_by_their_place(log, path):
    (path / "wrong.yml").write_text("title: 5\n")
    process = run_collector("rules", "backtest", "--files", log, path, cwd=log.parent)

    assert 2 == process.returncode
    assert "wrong.yml:1" in process.stderr


def test_files_are_of_no_configuration(log, path, polled):
    result = invoke_command("rules", "backtest", "--files", log, "-c", polled.config, path)

    assert 2 == result.exit_code
    assert "leave out -c" in result.stderr


@pytest.mark.slow
def test_files_without_events_are_no_backtest(tmp_path, path):
    empty = tmp_path / "empty.json"
    empty.write_text("[]")
    process = run_collector("rules", "backtest", "--files", empty, path, cwd=tmp_path)

    assert 1 == process.returncode
    assert "there is no event in these files" in process.stderr
