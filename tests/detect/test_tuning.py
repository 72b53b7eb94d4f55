"""`rules.tune`: what it makes of rules, and everything that is wrong or pointless in it."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

import duckdb
import pytest

from collector.clock import now
from collector.detect.export import sigma as export_sigma
from collector.errors import RulesError
from collector.evaluation.rule_selection import compute_fingerprint
from fakes.tuned_rules import FIRST_LINE, load_tuned_rules

RULES = """\
title: Login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: login
level: low
logsource: {product: salesforce, service: Login}
detection:
  failed: {LOGIN_STATUS: failed}
  other: {LOGIN_STATUS: other}
  condition: [failed, other]
collector: {severity: [{when: failed, level: high}]}
---
title: Large read
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: read-large
level: medium
logsource: {product: salesforce, service: ApiEvent}
detection: {large: {record_count|gte: "%threshold%", operation: "%operation%"}, condition: large}
collector:
  parameters:
    threshold: {default: 10000, unit: rows, description: How much is much., min: 1, max: 1000000}
    operation: {default: Query}
  severity: [{field: record_count, gte: "%threshold%", level: high}]
---
title: Burst
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000003
name: burst
level: low
correlation:
  {type: event_count, rules: [login], group-by: [user_id], timespan: 1h, condition: {gte: 5}}
collector: {severity: [{field: metric, gte: 50, level: high}]}
---
title: Unusual
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000004
name: read-unusual
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {any: {operation: Query}, condition: any}
collector:
  baseline:
    {metric: sum, field: record_count, group_by: [user_id], window: 1h, history: 30d, floor: 500}
---
title: Both
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000005
name: both
level: low
correlation: {type: temporal, rules: [login, read-large], group-by: [user_id], timespan: 1h}
"""

LOGIN = RULES.split("---\n", maxsplit=1)[0]


@pytest.fixture
def tune(tmp_path, schema):
    """The rules as a configuration with these lines under `rules.tune` tunes them."""

    def load(*lines, rules=RULES, left_out=False):
        (tmp_path / "lists").mkdir(exist_ok=True)
        listed = tmp_path / "lists" / "robots.yml"
        listed.write_text("name: robots\nentries: [etl, {prefix: robot}]\n")
        return load_tuned_rules(tmp_path, schema, rules, lines, left_out=left_out)

    return load


@pytest.fixture
def problems(tune, tmp_path):
    """What is wrong or pointless in these lines, by line and column of the configuration."""

    def find(*lines):
        try:
            found = tune(*lines).tuning_warnings
        except RulesError as error:
            found = error.problems
        assert {tmp_path / "collector.yaml"} == {problem.path for problem in found}
        return [
            f"{problem.line - FIRST_LINE + 1}:{problem.column}: {problem.message}".replace(
                f"{tmp_path}/", ""
            )
            for problem in found
        ]

    return find


def holds(rule, **values):
    """Whether the rule's predicate holds for an event with these values."""
    if "source_ip" in values:
        address = ip_address(values["source_ip"])
        values["source_ip_key"] = f"00000000000000000000ffff{int(address):08x}"
    row = {**dict.fromkeys(rule.fields), **values}
    columns = ", ".join(
        f"CAST({'NULL' if value is None else repr(value)} AS "
        f'{"BIGINT" if name == "record_count" else "VARCHAR"}) AS "{name}"'
        for name, value in row.items()
    )
    return duckdb.sql(f"SELECT {rule.predicate} FROM (SELECT {columns})").fetchall()[0][0]


def test_level_threshold_window_and_severity_stand_for_those_of_the_file(tune):
    rules = tune(
        "login: {level: high, severity: []}",
        "burst: {threshold: 7, window: 30m, severity: [{field: metric, gte: 9, level: critical}]}",
        "read-unusual: {threshold: 100, window: 1d}",
        "read-large: {threshold: 20}",
    ).by_name

    assert ("high", ()) == (str(rules["login"].level), rules["login"].severity_cases)
    burst = rules["burst"].aggregation
    assert ("gte", 7, timedelta(minutes=30)) == (burst.operator, burst.limit, burst.timespan)
    assert ["critical"] == [str(case.level) for case in rules["burst"].severity_cases]
    baseline = rules["read-unusual"].aggregation
    assert (100, timedelta(days=1)) == (baseline.floor, baseline.window)
    assert [True, False] == [
        holds(rules["read-large"], record_count=count, operation="Query") for count in (20, 19)
    ]


def test_parameters_have_their_defaults_or_what_the_configuration_says(tune):
    (as_written,) = [tune().by_name["read-large"]]
    tuned = tune("read-large: {parameters: {threshold: 50, operation: Update}}")

    assert [True, False] == [
        holds(as_written, record_count=count, operation="Query") for count in (10000, 9999)
    ]
    rule = tuned.by_name["read-large"]
    assert [True, False, False] == [
        holds(rule, record_count=count, operation=operation)
        for count, operation in ((50, "Update"), (49, "Update"), (50, "Query"))
    ]
    assert ">= 50" in rule.severity_cases[0].predicate
    (threshold, operation) = tuned.find_adjustment("read-large").parameters
    assert (50, 10000, "rows", "How much is much.") == (
        threshold.value, threshold.default, threshold.unit, threshold.description
    )  # fmt: skip
    assert ("Update", "Query") == (operation.value, operation.default)


EXCLUDED = [
    ("{user_name: etl}", {"user_name": "ETL"}, {"user_name": "etl2"}),
    ("{user_name: ['etl*', ada]}", {"user_name": "etl2"}, {"user_name": "eve"}),
    ("{user_name: '%robots%'}", {"user_name": "robot-7"}, {"user_name": "eve"}),
    ("{user_name: ['%robots%', ada]}", {"user_name": "ada"}, {"user_name": "eve"}),
    (
        "{user_name: ada, source_ip: 192.0.2.7}",
        {"user_name": "ada", "source_ip": "192.0.2.7"},
        {"user_name": "ada", "source_ip": "192.0.2.8"},
    ),
    (
        "[{user_name: ada, source_ip: 192.0.2.7}, {user_id: 005000000000001AAA}]",
        {"user_id": "005000000000001AAA"},
        {"user_name": "ada", "source_ip": "192.0.2.8"},
    ),
    ("{user_name|endswith: '@acme.com'}", {"user_name": "a@acme.com"}, {"user_name": "acme.com"}),
    (
        "{user_id: 005000000000001}",
        {"user_id": "005000000000001AAA"},
        {"user_id": "005000000000002"},
    ),
]


@pytest.mark.parametrize(
    ("conditions", "inside", "outside"), EXCLUDED, ids=[e[0] for e in EXCLUDED]
)
def test_exclude_takes_events_away_and_only_takes_all_others(tune, conditions, inside, outside):
    other = LOGIN.replace("name: login", "name: other").replace("000000000001", "000000000009")
    lines = (f"login: {{exclude: {conditions}}}", f"other: {{only: {conditions}}}")
    rules = tune(*lines, rules=f"{LOGIN}---\n{other}").by_name
    excluding, narrowing = rules["login"], rules["other"]
    status = {"LOGIN_STATUS": "failed"}

    assert [False, True] == [holds(rule, **status, **inside) for rule in (excluding, narrowing)]
    assert [True, False] == [holds(rule, **status, **outside) for rule in (excluding, narrowing)]
    assert holds(excluding, **status)  # without a value nothing is excluded
    assert not holds(narrowing, LOGIN_STATUS="fine", **inside)


def test_a_network_among_addresses_is_one(tune):
    rule = tune("login: {exclude: {source_ip: [192.0.2.7, 198.51.100.0/24]}}").by_name["login"]
    addresses = ("198.51.100.9", "198.51.101.9", "192.0.2.7")

    assert [False, True, False] == [
        holds(rule, LOGIN_STATUS="failed", source_ip=address) for address in addresses
    ]


def test_globs_apply_in_the_order_of_the_file_and_names_last(tune):
    rules = tune(
        "read-large: {level: critical}",
        "'*': {level: high, exclude: {user_id: a}}",
        "'read-*': {level: low, exclude: {user_id: b}}",
    )

    levels = {rule.name: str(rule.level) for rule in rules.rules}
    assert {"login": "high", "burst": "high", "both": "high", "read-unusual": "low"} | {
        "read-large": "critical"
    } == levels
    large = {"record_count": 10000, "operation": "Query"}
    assert [False, False, True] == [
        holds(rules.by_name["read-large"], user_id=user, **large) for user in "abc"
    ]
    assert () == rules.tuning_warnings


def test_an_id_is_as_good_as_a_name(tune):
    rules = tune("0d9ff9fb-6f0f-4c55-9f0b-000000000001: {level: critical}")

    assert "critical" == str(rules.by_name["login"].level)


def test_it_says_from_which_severity_on_channels_are_told(tune):
    rules = tune("login: {notify: high}")

    assert {"login": "high"} == {
        rule.name: str(rule.notified_severity)
        for rule in rules.rules
        if str(rule.notified_severity) != "informational"
    }
    (change,) = rules.find_adjustment("login").changes
    assert ("notify", "high") == (change.key, change.value)


def test_a_rule_that_is_off_tells_nobody_and_serves_correlations_that_are_on(tune):
    rules = tune("login: {enabled: false}", "read-unusual: {enabled: false}")

    assert "read-unusual" not in rules.by_name
    assert not rules.by_name["login"].raises_alert
    assert ["login", "read-unusual"] == [rule.name for rule in rules.off_rules]
    assert rules.find_adjustment("login").off_reason.startswith(
        "off by rules.tune.login.enabled at "
    )
    rest = tune("login: {enabled: false}", "burst: {enabled: false}", "both: {enabled: false}")
    assert {"read-large", "read-unusual"} == set(rest.by_name)


def test_a_correlation_that_is_off_lets_its_rules_alert(tune):
    assert not tune().by_name["login"].raises_alert
    rules = tune("burst: {enabled: false}", "both: {enabled: false}")
    assert rules.by_name["login"].raises_alert


def test_what_is_shipped_off_is_on_by_name(tune):
    shipped = RULES.replace(
        "collector: {severity: [{when", "collector: {enabled: false, severity: [{when"
    )
    without = "---\n".join(shipped.split("---\n")[:2])

    assert ["login"] == [rule.name for rule in tune(rules=without).off_rules]
    on = tune("'*': {enabled: false}", "login: {enabled: true}", rules=without)
    assert (["login"], ["read-large"]) == (
        [rule.name for rule in on.rules], [rule.name for rule in on.off_rules]
    )  # fmt: skip
    assert on.by_name["login"].raises_alert


def test_a_rule_whose_tuning_changes_is_another_one_for_what_the_state_remembers(tune):
    def fingerprint(*lines):
        rules = tune(*lines)
        return compute_fingerprint(rules, rules.by_name["read-unusual"])

    lines = [
        [], ["read-unusual: {threshold: 7}"], ["read-unusual: {exclude: {user_id: a}}"],
        ["read-unusual: {level: high}"],
    ]  # fmt: skip
    as_written, threshold, exclude, level = (fingerprint(*each) for each in lines)

    assert 3 == len({as_written, threshold, exclude})
    assert as_written == level  # it remembers the same


def test_plain_sigma_says_what_is_excluded(tune):
    rules = tune("login: {exclude: {user_name: [etl, '%robots%']}}")
    (text,) = [
        each.text for each in export_sigma.export_rules(rules, at=now()) if each.rule == "login"
    ]

    assert "not _tune0_exclude" in text
    assert "user_name|startswith:\n    - robot\n" in text


def test_cases_of_tuning_may_name_the_parameters_of_the_rule(tune):
    case = '{field: record_count, gte: "%threshold%", level: critical}'
    rule = tune(f"read-large: {{threshold: 20, severity: [{case}]}}").by_name["read-large"]

    assert ["critical"] == [str(each.level) for each in rule.severity_cases]
    assert ">= 20" in rule.severity_cases[0].predicate


WRONG = [
    ("login: {exclude: {user_name|foo: x}}", "1:23: for 'login': modifier 'foo' is not served"),
    ("login: {exclude: {user_name: {a: b}}}", "1:23: for 'login': a value is text, a number"),
    ("login: {exclude: {source_ip: 10.0.0.1/8}}", "1:23: for 'login': Invalid CIDR expression"),
    (
        "login: {exclude: {user_name: '%robot%'}}",
        "1:23: for 'login': unknown list 'robot', did you mean 'robots'?",
    ),
    ("read-large: {exclude: {record_count|gte: a}}", "1:28: for 'read-large': gte needs a number"),
    (
        "login: {severity: [{when: faild, level: high}]}",
        "1:25: for 'login': unknown selection 'faild', did you mean 'failed'?",
    ),
    (
        "login: {severity: [{feld: record_count, gte: 5, level: high}]}",
        "1:25: for 'login': unknown key 'feld', did you mean 'field'?",
    ),
    ("burst: {window: 91d}", "1:13: for 'burst': 'timespan' must be at most 90d"),
    ("read-unusual: {window: 7h}", "1:20: for 'read-unusual': 'window' must divide a day"),
    (
        "read-unusual: {window: 20d}",
        "1:5: 'read-unusual' does not go with this: rules.yml:40:73: 'history' must hold two",
    ),
    ("read-large: {parameters: {threshold: a}}", "1:31: 'threshold' must be a number"),
    ("read-large: {parameters: {threshold: 0}}", "1:31: 'threshold' must be at least 1"),
    ("read-large: {threshold: 1000001}", "1:18: 'threshold' must be at most 1000000"),
    (
        "read-large: {parameters: {threshhold: 5}}",
        "1:31: 'read-large' declares no parameter 'threshhold', did you mean 'threshold'?",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_at_its_place_in_the_configuration(problems, line, expected):
    (found,) = problems(line)

    assert found.startswith(expected)


@pytest.mark.parametrize("line", [WRONG[number][0] for number in (0, 5, 8)])
def test_who_must_go_on_goes_on_with_the_rule_as_it_is_written(tune, line):
    rules = tune(line, "'*': {level: critical}", left_out=True)

    assert {"critical"} == {str(rule.level) for rule in rules.rules}
    name = line.partition(":")[0]
    assert ["level"] == [change.key for change in rules.find_adjustment(name).changes]


NO_THRESHOLD = (
    "no condition of a correlation, no baseline and no parameter 'threshold' to put it in"
)
POINTLESS = {
    "lgoin: {level: low}": ["5: unknown rule 'lgoin', did you mean 'login'?"],
    "'write-*': {level: low}": ["5: no rule fits 'write-*': this changes nothing"],
    "login: {exclude: {job_id: x}, threshold: 5, window: 1h}": [
        "13: 'exclude' changes nothing in 'login': 'job_id' never has a value in Login",
        f"35: 'threshold' changes nothing in 'login': {NO_THRESHOLD}",
        "49: 'window' changes nothing in 'login': neither a correlation nor a baseline",
    ],
    "both: {threshold: 5}": [f"12: 'threshold' changes nothing in 'both': {NO_THRESHOLD}"],
    "burst: {only: {job_id: x}}": [
        "13: 'only' of 'burst' leaves 'login' alone: 'job_id' never has a value in Login",
    ],
    "'*': {exclude: {user_name: x}, parameters: {rows: 5}}": [
        "11: 'exclude' changes nothing in read-large, read-unusual: 'user_name' never has a",
        "49: 'parameters.rows' changes nothing in any rule: no parameter 'rows' is declared",
    ],
}


def test_what_changes_nothing_is_told_and_stops_nobody(problems):
    found = problems(*POINTLESS)

    assert sorted(
        f"{line}:{message}" for line, told in enumerate(POINTLESS.values(), 1) for message in told
    ) == sorted(
        message[: len(expected)]
        for line, told in enumerate(POINTLESS.values(), 1)
        for expected in (f"{line}:{each}" for each in told)
        for message in found
        if message.startswith(expected)
    )
    assert len(found) == sum(map(len, POINTLESS.values()))
