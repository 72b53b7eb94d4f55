"""Rule files named on the command line go with the shipped rules and the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.processes import invoke_command, parse_lines, write_config

from collector.errors import RulesError

CHAIN = """\
title: Cli, then bulk
id: 44444444-0000-4000-8000-000000000001
name: cli-then-bulk
level: high
correlation:
  type: temporal
  rules: [cli-activity, bulk-api-job]
  group-by: [user_id]
  timespan: 1h
collector:
  tests:
    - name: a tool, then a job
      events:
        - {EVENT_TYPE: Login, TIMESTAMP_DERIVED: "2026-03-01T10:00:00.000Z",
           USER_ID: "005000000000001", BROWSER_TYPE: Salesforce-CLI/1.0, SOURCE_IP: 203.0.113.7}
        - {EVENT_TYPE: BulkApi2, TIMESTAMP_DERIVED: "2026-03-01T10:40:00.000Z",
           USER_ID: "005000000000001", JOB_ID: "750000000000001", OPERATION_TYPE: query,
           ENTITY_TYPE: Contact, RECORDS_PROCESSED: "52000", JOB_STATUS: JobComplete}
      expect: {alerts: 1}
"""
LISTED = """\
title: Unknown user
id: 44444444-0000-4000-8000-000000000002
name: unknown-user
level: low
logsource: {product: salesforce, service: Login}
detection:
  known: {user_name|expand: "%our_users%"}
  login: {user_name: "*", API_VERSION|lt: "%version%"}
  condition: login and not known
collector:
  parameters: {version: {default: 30}}
  dedup: {key: [user_id]}
  tests:
    - name: of nobody we know
      events: [{EVENT_TYPE: Login, USER_NAME: eve@acme.com, API_VERSION: "29.0"}]
      expect: {alerts: 1, severity: low}
"""
FILTER = """\
title: Not the loader
name: not-the-loader
logsource: {product: salesforce}
filter: {rules: [bulk-api-job], loader: {user_name: loader@acme.com}, condition: not loader}
"""
TUNED = {
    "unknown-user": {"parameters": {"version": 20}, "enabled": False, "level": "high"},
    "cli-activity": {"enabled": False},
}


@pytest.fixture
def named(tmp_path):
    def write(text, name="rules.yml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def config(tmp_path):
    rules = {"lists": {"our_users": ["ada@acme.com"]}, "tune": TUNED}
    return write_config(tmp_path, "http://127.0.0.1:1", rules=rules)


def test_a_correlation_over_shipped_rules_is_listed_and_linted_alone(named):
    path = named(CHAIN)

    (listed,) = parse_lines(invoke_command("rules", "list", "--json", path))
    assert ("cli-then-bulk", "temporal") == (listed["name"], listed["kind"])
    assert "BulkJob" in listed["event_types"]
    lint = invoke_command("rules", "lint", "--json", path)
    assert {"cli-then-bulk"} == {line["rule"] for line in parse_lines(lint)}


@pytest.mark.slow
def test_a_correlation_over_shipped_rules_is_tested_alone(named):
    test = invoke_command("rules", "test", named(CHAIN))

    assert (0, "1 rule: 1 test passed, 0 failed\n") == (test.exit_code, test.stdout)


def test_a_file_stands_for_the_shipped_rule_of_its_name(named):
    mine = LISTED.replace("our_users", "ioc_ip").replace("unknown-user", "cli-activity")
    chain = CHAIN.replace("bulk-api-job]", "bulk-job-removed]")
    listed = parse_lines(invoke_command("rules", "list", "--json", named(f"{chain}---\n{mine}")))

    assert {
        "cli-activity": ["Login"],
        "cli-then-bulk": ["Login", "BulkJobRemoved", "ApiTotalUsage", "BulkApi2"],
    } == {rule["name"]: rule["event_types"] for rule in listed}


def test_a_filter_over_shipped_rules_is_loaded_with_them_and_told_where_it_is_wrong(named):
    assert 0 == invoke_command("rules", "lint", named(FILTER)).exit_code
    wrong = named(FILTER.replace("user_name:", "usr_name:"), "wrong.yml")
    with pytest.raises(RulesError) as caught:
        raise invoke_command("rules", "lint", wrong).exception

    assert {wrong} == {problem.path for problem in caught.value.problems}


def test_without_c_the_lists_of_the_configuration_are_unknown(named):
    with pytest.raises(RulesError, match="unknown list 'our_users'"):
        raise invoke_command("rules", "lint", named(LISTED)).exception


def test_with_c_lists_and_tuning_of_the_configuration_count(named, config):
    (rule,) = parse_lines(invoke_command("rules", "list", "--json", "-c", config, named(LISTED)))

    assert [20] == [parameter["value"] for parameter in rule["parameters"]]
    assert ["enabled", "parameters.version", "level"] == [each["key"] for each in rule["tuned"]]
    assert (False, "high") == (rule["enabled"], rule["level"])
    lint = invoke_command("rules", "lint", "--json", "-c", config, named(LISTED))
    assert {"unknown-user"} == {line["rule"] for line in parse_lines(lint)}


@pytest.mark.slow
def test_tests_run_on_rules_as_their_files_have_them(named, config):
    result = invoke_command("rules", "test", "-c", config, named(LISTED))

    assert (0, "1 rule: 1 test passed, 0 failed\n") == (result.exit_code, result.stdout)


def test_what_is_off_or_to_be_set_is_listed_with_who_says_so(config):
    screen = invoke_command("rules", "list", "--all", "-c", config).stdout
    words = " ".join(screen.split())

    assert "cli-activity: off by rules.tune.cli-activity.enabled at" in words
    assert "bulk-api-job: high_rows = 50,000 records: From so many records" in words
    assert ["cli-activity", "off"] == next(
        line.split()[:2] for line in screen.splitlines() if line.startswith("cli-activity ")
    )


def test_what_of_tuning_means_nothing_is_told_by_lint(tmp_path):
    tune = {"cli-activty": {"level": "low"}}
    config = write_config(tmp_path, "http://127.0.0.1:1", rules={"tune": tune})
    result = invoke_command("rules", "lint", "--json", "-c", config)
    warning = next(line for line in parse_lines(result) if line["path"] == str(config))

    assert "unknown rule 'cli-activty', did you mean 'cli-activity'?" == warning["message"]


def test_what_is_off_is_not_exported_and_that_is_said(config):
    result = invoke_command("rules", "export", "--to", "sigma", "-c", config)

    assert "cli-activity is left out: off by rules.tune.cli-activity.enabled at " in result.stderr
    assert "name: cli-activity" not in result.stdout


def test_of_lists_those_of_the_named_folders_are_looked_at(tmp_path, named):
    doubtful = "name: mine\nentries: [192.0.2.x]\n"
    for folder in ("here", "there"):
        (tmp_path / folder / "lists").mkdir(parents=True)
        (tmp_path / folder / "lists" / "mine.yml").write_text(doubtful)
    (tmp_path / "here" / "rule.yml").write_text(CHAIN)
    (tmp_path / "there" / "rule.yml").write_text(LISTED.replace("our_users", "mine"))
    config = write_config(tmp_path, "http://127.0.0.1:1", rules={"paths": ["there"]})
    result = invoke_command("rules", "lint", "--json", "-c", config, tmp_path / "here")

    assert {tmp_path / "here" / "lists" / "mine.yml", tmp_path / "here" / "rule.yml"} == {
        Path(line["path"]) for line in parse_lines(result)
    }


@pytest.mark.slow
def test_a_backtest_of_a_filter_says_what_is_left_of_the_rules_that_it_is_over(tmp_path, named):
    rows = [
        f'"BulkApi2","2026-03-01T10:{minute}:00.000Z","{user}","{minute}"'
        for minute, user in ((10, "loader@acme.com"), (20, "eve@acme.com"), (30, "loader@acme.com"))
    ]
    header = '"EVENT_TYPE","TIMESTAMP_DERIVED","USER_NAME","JOB_ID"'
    (tmp_path / "jobs.csv").write_text("\n".join([header, *rows]))
    result = invoke_command(
        "rules", "backtest", "--json", "--files", tmp_path / "jobs.csv", named(FILTER)
    )

    assert {"bulk-api-job": 1} == {line["rule"]: line["alerts"] for line in parse_lines(result)}
