"""Filter documents: what they add to which rules, and what is wrong with them at their lines."""

from __future__ import annotations

import duckdb
import pytest

from collector.detect import loader
from collector.errors import RulesError

RULES = """\
title: Login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: login
level: low
logsource: {product: salesforce, service: Login}
detection:
  selection_a: {LOGIN_STATUS: a}
  selection_b: {LOGIN_STATUS: b}
  condition: [selection_a, 1 of them]
collector: {severity: [{when: 1 of selection_*, level: high}]}
---
title: Read
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: read
level: low
logsource: {product: salesforce, service: ApiEvent}
detection: {selection: {user_id: u}, condition: selection}
---
title: Burst
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000003
name: burst
level: low
correlation: {type: event_count, rules: [login], timespan: 1h, condition: {gte: 2}}
---
"""


def quiet(body, *, service=", service: Login", name="quiet"):
    return f"title: Quiet\nname: {name}\nlogsource: {{product: salesforce{service}}}\n{body}---\n"


@pytest.fixture
def load(rule_file, schema):
    def load(*filters, disable=()):
        rules = rule_file("", head=RULES, name="rules.yml")
        path = rule_file("", head="".join(filters), name="quiet.yml")
        return loader.load_rule_set([path, rules], schema=schema, disable=disable)

    return load


def holds(rule, status, user):
    row = f"SELECT '{status}' AS \"LOGIN_STATUS\", '{user}' AS user_id, NULL AS source_ip"
    cases = ", ".join([rule.predicate, *(case.predicate for case in rule.severity_cases)])
    return duckdb.sql(f"SELECT {cases} FROM ({row})").fetchall()[0]


BODY = "filter: {rules: %s, selection_x: {user_id: [r, s]}, condition: not selection_x}\n"

NAMED = [
    "[login]",
    "login",
    "0D9FF9FB-6f0f-4c55-9f0b-000000000001",
    "any",
    "ANY",
    "[]",
    "['log*']",
    "[login, read]",
    "['*']",
]


@pytest.mark.parametrize("rules", NAMED)
def test_a_filter_is_added_to_the_rules_that_it_names(rules, load):
    found = load(quiet(BODY % rules)).by_name

    assert (True, True) == holds(found["login"], "a", "u")
    assert (False, True) == holds(found["login"], "a", "r")
    assert (False, False) == holds(found["login"], "c", "u")
    assert {"LOGIN_STATUS", "user_id", "source_ip"} == found["login"].fields


def test_the_selections_of_a_rule_stay_its_own(load):
    """`1 of them` and `when` are about the rule's own selections, whatever a filter brings."""
    login = load(quiet(BODY % "login")).by_name["login"]

    assert (False, False) == holds(login, "c", "q")


@pytest.mark.parametrize(
    "condition",
    ["not selection", "not 1 of them", "not all of sel*", "not (selection or other) or other"],
)
def test_the_condition_of_a_filter_is_about_its_own_selections(condition, load):
    extra = ", other: {user_id: nobody}" if "other" in condition else ""
    body = f"filter: {{rules: login, selection: {{user_id: r}}{extra}, condition: {condition}}}\n"

    login = load(quiet(body)).by_name["login"]

    assert [True, False] == [holds(login, "a", user)[0] for user in ("u", "r")]


def test_a_condition_is_added_as_it_is_written(load):
    body = BODY.replace("not selection_x", "selection_x") % "login"

    login = load(quiet(body)).by_name["login"]

    assert [False, True] == [holds(login, "a", user)[0] for user in ("u", "r")]


def test_several_filters_add_up(load):
    other = quiet("filter: {rules: any, s: {user_id: t}, condition: not s}\n", name="more")

    login = load(quiet(BODY % "login"), other).by_name["login"]

    assert [True, False, False] == [holds(login, "a", user)[0] for user in ("u", "r", "t")]


def test_a_filter_is_for_the_rules_of_its_service(load):
    unfiltered = load().by_name["read"]

    assert unfiltered == load(quiet(BODY % "any")).by_name["read"]
    assert unfiltered != load(quiet(BODY % "any", service="")).by_name["read"]


def test_what_is_run_is_kept_beside_the_rules(load):
    documents = load(quiet(BODY % "login")).documents

    detection = documents["login"].data["detection"]
    (added,) = detection.keys() - {"selection_a", "selection_b", "condition"}
    assert added.startswith("_filter")
    assert f"(1 of them) and (not {added})" == detection["condition"][1]
    assert {"selection", "condition"} == documents["read"].data["detection"].keys()


def test_a_filter_that_is_disabled_filters_nothing(load):
    assert load().rules == load(quiet(BODY % "nothing"), disable=["quiet"]).rules


def test_a_filter_for_a_rule_that_is_disabled_is_no_mistake(load):
    loaded = load(quiet(BODY % "login"), disable=["login", "burst"])

    assert ["read"] == [rule.name for rule in loaded.rules]


# ---- what is wrong


def said(load, *filters):
    with pytest.raises(RulesError) as caught:
        load(*filters)
    return [str(each).rpartition("quiet.yml:")[2] for each in caught.value.problems]


WRONG = [
    ("filter: [a]\n", "4:1: 'filter' must hold keys"),
    ("filter: {s: {user_id: x}, condition: s}\n", "4:1: missing key 'rules'"),
    ("filter: {rules: {a: b}, s: {user_id: x}, condition: s}\n", "4:10: 'rules' are names"),
    ("filter: {rules: any, s: {user_id: x}}\n", "4:1: missing key 'condition'"),
    ("filter: {rules: any, s: {user_id: x}, condition: [s]}\n", "4:39: the condition of a filter"),
    ("filter: {rules: any, s: {user_id: x}, condition: not t}\n", "4:39: no condition: Detection"),
    ("filter: {rules: any, condition: not t}\n", "4:22: no condition: No detections"),
    ("filter: {rules: any, s: {user_id|re: '('}, condition: s}\n", "4:26: no regular expression"),
    ("filter: {rules: any, s: {usr_id: x}, condition: s}\n", "4:26: Login has no field 'usr_id'"),
    (BODY % "[logn]", "4:18: unknown rule 'logn', did you mean 'login'?"),
    (BODY % "['x*']", "4:18: unknown rule 'x*'"),
    (BODY % "[read]", "4:10: none of these rules is about Login alone, so it filters nothing"),
    (BODY % "any" + "collector: {alert: false}\n", "5:1: a filter has no 'collector' block"),
    (BODY % "any" + "detection: {}\n", "5:1: the selections of a filter stand below 'filter'"),
    (BODY % "any" + "status: ready\n", "5:1: 'ready' is not a valid Sigma rule status"),
]


@pytest.mark.parametrize(("body", "expected"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_is_told_at_the_line_of_the_filter(body, expected, load):
    (found,) = said(load, quiet(body))

    assert found.startswith(expected)


@pytest.mark.parametrize("condition", ["not s", "s"])
def test_a_filter_leaves_alone_the_rules_that_lack_its_field_and_says_so(condition, load):
    body = f"filter: {{rules: any, s: {{LOGIN_STATUS: b}}, condition: {condition}}}\n"

    loaded = load(quiet(body, service=""))

    assert loaded.by_name["read"] == load().by_name["read"]
    filtered = [holds(loaded.by_name["login"], status, "u")[0] for status in "ab"]
    assert [condition == "not s", condition == "s"] == filtered
    (warning,) = loaded.filter_warnings
    assert str(warning).endswith("quiet.yml:4:10: it leaves alone what has no LOGIN_STATUS: read")


def test_a_rule_under_many_filters_stays_one_that_can_be_run(load):
    body = "filter: {rules: login, s: {user_id: u%d}, condition: not not not s}\n"
    filters = [quiet(body % n, name=f"quiet-{n}") for n in range(40)]

    login = load(*filters).by_name["login"]

    assert [True, False, False] == [holds(login, "a", user)[0] for user in ("u", "u0", "u39")]


# ---- correlations

CHAIN = """\
title: Bursts
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000004
name: bursts
level: low
correlation: {type: temporal, rules: [burst, read], timespan: 1h}
---
"""


def test_a_filter_on_a_correlation_is_for_what_it_looks_at_alone(load):
    plain, loaded = load(), load(quiet(BODY % "burst"))

    assert plain.by_name["login"] == loaded.by_name["login"]
    assert ("login.burst",) == loaded.by_name["burst"].correlated_rules
    copy = loaded.by_name["login.burst"]
    assert not copy.raises_alert
    assert (True, True) == holds(copy, "a", "u")
    assert (False, True) == holds(copy, "a", "r")
    assert [rule.name for rule in plain.rules] == [rule.name for rule in loaded.own_rules]
    assert ["login.burst"] == loaded.documents["burst"].data["correlation"]["rules"]


def test_a_filter_on_a_correlation_reaches_the_correlations_below_it(load):
    loaded = load(CHAIN, quiet(BODY % "bursts", service=""), quiet(BODY % "bursts", name="more"))
    names = [rule.name for rule in loaded.rules]

    assert ("burst.bursts", "read.bursts") == loaded.by_name["bursts"].correlated_rules
    assert ("login.bursts",) == loaded.by_name["burst.bursts"].correlated_rules
    assert ("login",) == loaded.by_name["burst"].correlated_rules
    assert names.index("login.bursts") < names.index("burst.bursts") < names.index("bursts")
    assert 2 == loaded.documents["login.bursts"].data["detection"]["condition"][0].count("not")


def test_a_filter_on_a_correlation_without_its_field_says_so(load):
    body = "filter: {rules: bursts, s: {LOGIN_STATUS: b}, condition: not s}\n"
    loaded = load(CHAIN, quiet(body, service=""))

    assert ("burst.bursts", "read") == loaded.by_name["bursts"].correlated_rules
    assert ["LOGIN_STATUS: read"] == [
        str(each).partition("no ")[2] for each in loaded.filter_warnings
    ]


def test_a_filter_on_a_correlation_over_other_events_says_so(load):
    (warning,) = load(quiet(BODY % "burst", service=", service: ApiEvent")).filter_warnings

    assert str(warning).endswith("no rule below 'burst' is about ApiEvent alone")


def test_a_filter_needs_a_title_and_a_logsource(load):
    found = said(load, "name: quiet\n" + BODY % "any")

    assert ["1:1: missing key 'title'", "1:1: missing key 'logsource'"] == found


def test_a_filter_is_for_an_event_type_that_there_is(load):
    (found,) = said(load, quiet(BODY % "any", service=", service: Logn"))

    assert "3:34: unknown event type 'Logn', did you mean 'Login'?" == found
