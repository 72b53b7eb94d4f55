"""What is asked of rules: descriptions, warnings, their tests and where they can fire."""

from __future__ import annotations

import pytest

from collector.api import rule_list, rule_tests
from collector.api.rule_coverage import (
    RuleCoverageReport,
    list_needs_by_type,
    list_techniques,
    read_rule_coverage,
    to_json_lines,
    to_technique_json,
)
from collector.api.rule_lint import build_lint_report, to_error_json, to_warning_json
from collector.errors import RulesError
from collector.rules.coverage import OrgView, compute_coverage
from collector.rules.outline import outline_rules
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
  tests:
    - name: of ada
      events: [{EVENT_TYPE: Login, USER_NAME: ada}]
      expect: {alerts: 1}
    - name: of bob
      events: [{EVENT_TYPE: Login, USER_NAME: bob}]
      expect: {alerts: 1}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a-login.yml"
    path.write_text(RULE)
    return path


def test_a_rule_is_described_with_what_it_needs(path):
    (described,) = rule_list.describe_rules(load_rule_files([path]))
    written = rule_list.to_json(described)

    assert ("event", ("Login",)) == (described.kind, tuple(described.event_types))
    assert ["Login"] == [need.event_type for need in described.needs]
    keys = (
        "name id level kind alert notify silenced_by enabled off tuned parameters event_types lists"
        " attack needs tests path"
    )
    assert keys == " ".join(written)
    assert ["event_type", "source", "licence", "storing", "permissions"] == list(
        written["needs"][0]
    )


def test_warnings_are_told_by_place(path):
    report = build_lint_report(load_rule_files([path]))
    written = to_warning_json(report.warnings[0])

    assert ["a-login"] == [rule.name for rule in report.rules.rules]
    assert ["kind", "path", "line", "column", "message", "rule"] == list(written)
    assert ("warning", str(path), "a-login") == tuple(
        written[key] for key in ("kind", "path", "rule")
    )


def test_mistakes_are_told_by_place(path):
    path.write_text(RULE.replace("condition: ada", "condition: eve"))
    with pytest.raises(RulesError) as caught:
        load_rule_files([path])
    written = to_error_json(caught.value.problems[0])

    assert ["kind", "path", "line", "column", "message"] == list(written)
    assert "error" == written["kind"]


def test_each_test_of_a_rule_is_run_and_told(path):
    results = list(rule_tests.run_tests(load_rule_files([path])))
    written = list(map(rule_tests.to_json, results))

    assert [True, False] == [line["passed"] for line in written]
    assert "expected 1 alerts, got 0: none" == results[1].failure == written[1]["complaint"]
    assert ["rule", "test", "passed", "complaint", "reasons", "path", "line"] == list(written[0])


FILTERED_CHAIN = """\
title: Read
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b12
name: read
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {any: {user_id|exists: true}, condition: any}
collector: {alert: false}
---
title: Reads
id: 6f1f6c1e-54a8-4c5f-9d0a-0d5d5a4e1b13
name: reads
level: low
correlation: {type: event_count, rules: [read], group-by: [user_id], timespan: 1h, condition: {gte: 2}}
collector:
  tests:
    - name: of somebody
      events:
        - {EventIdentifier: e1, EventDate: "2026-03-01T10:00:00.000Z", UserId: 005000000000001AAA, Username: ada@acme.com}
        - {EventIdentifier: e2, EventDate: "2026-03-01T10:01:00.000Z", UserId: 005000000000001AAA, Username: ada@acme.com}
      event_type: ApiEvent
      expect: {alerts: 1}
    - name: of whom the filter leaves out
      events:
        - {EventIdentifier: e1, EventDate: "2026-03-01T10:00:00.000Z", UserId: 005000000000001AAA, Username: etl@acme.com}
        - {EventIdentifier: e2, EventDate: "2026-03-01T10:01:00.000Z", UserId: 005000000000001AAA, Username: etl@acme.com}
      event_type: ApiEvent
      expect: {alerts: 0}
---
title: ETL may read
name: etl-may-read
logsource: {product: salesforce, service: ApiEvent}
filter: {rules: [reads], etl: {user_name: etl@acme.com}, condition: not etl}
"""  # noqa: E501 - rules as people write them


def test_a_filter_on_a_correlation_filters_what_it_counts(path):
    path.write_text(FILTERED_CHAIN)
    rules = load_rule_files([path])

    assert ["", ""] == [result.failure for result in rule_tests.run_tests(rules)]
    assert ["read", "reads"] == [each.rule.name for each in rule_list.describe_rules(rules)]
    view = OrgView(org="acme", polls=(), seen_types=frozenset({"ApiEvent"}))
    assert [("read", "fires"), ("reads", "fires")] == [
        (each.rule, each.state) for each in compute_coverage(outline_rules(rules), view)
    ]


# ---- coverage


def test_a_rule_stands_by_what_the_org_gives(collected):
    report = read_rule_coverage(collected.settings, load_rule_files(()))
    states = {each.rule: each.state for each in report.coverages}
    lines = list(to_json_lines(report))

    assert (["acme"], "") == (report.orgs, report.warning)
    assert ("fires", "blind") == (states["cli-activity"], states["api-anomaly"])
    assert {"org rule kind state seen why needs"} == {" ".join(line) for line in lines}


def test_before_the_first_pass_rules_stand_by_the_configuration(uncollected):
    report = read_rule_coverage(uncollected, load_rule_files(()))

    assert "nothing has been collected yet" in report.warning
    assert "fires" not in {each.state for each in report.coverages if each.rule == "cli-activity"}


def test_without_a_configuration_the_needs_of_rules_are_told(path):
    report = RuleCoverageReport(rules=load_rule_files([path]))
    needs = list_needs_by_type(report, "a-login")

    assert ["Login"] == list(needs)
    assert [{"rule": "a-login", "kind": "event", "needs": needs}] == list(to_json_lines(report))


def test_techniques_have_the_rules_that_name_them(collected):
    report = read_rule_coverage(collected.settings, load_rule_files(()))
    techniques = list(list_techniques(report))

    assert techniques == sorted(techniques, key=lambda each: each.technique)
    assert all(set(each.able_rules) <= set(each.rules) for each in techniques)
    assert "cli-activity" in {rule for each in techniques for rule in each.able_rules}
    assert ["technique", "name", "rules", "can_fire"] == list(to_technique_json(techniques[0]))
