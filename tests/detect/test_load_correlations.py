"""Correlation documents: what is read out of them, and every way in which they can be wrong."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import duckdb
import pytest

from collector.detect import loader, title_template
from collector.detect.language import window_columns
from collector.errors import RulesError
from collector.model import Correlation

NUMBERS = {"login": 1, "read": 2, "seen": 3}


def rule(name, service, field, *, block="{}"):
    return f"""\
title: {name}
id: 0d9ff9fb-6f0f-4c55-9f0b-00000000000{NUMBERS[name]}
name: {name}
level: low
logsource: {{product: salesforce, service: {service}}}
detection: {{s: {{{field}: x}}, condition: s}}
collector: {block}
---
"""


LOGIN = rule("login", "Login", "LOGIN_STATUS")
READ = rule("read", "ApiEvent", "operation")
SEEN = rule("seen", "ApiEvent", "operation", block="{first_seen: {key: [user_id]}}")


def correlation(name="burst", number=9, *, block="{}", **mapping):
    mapping = {"type": "event_count", "rules": "[login]", "timespan": "10m", **mapping}
    lines = [f"  {key.replace('_', '-')}: {value}" for key, value in mapping.items() if value]
    head = (
        f"title: {name}\nid: 0d9ff9fb-6f0f-4c55-9f0b-0000000000{number:02}\n"
        f"name: {name}\nlevel: high\n"
    )
    return "\n".join([f"{head}correlation:", *lines, f"collector: {block}", "---", ""])


COUNT = {"condition": "{gte: 3}"}


@pytest.fixture
def load(rule_file, schema):
    def load(*documents, disable=()):
        path = rule_file("", head="".join(documents))
        return loader.load_rule_set([path], schema=schema, disable=disable)

    return load


def test_a_whole_correlation_is_read(load):
    burst = correlation(
        type="value_percentile",
        rules="[login, 0D9FF9FB-6f0f-4c55-9f0b-000000000002]",
        group_by="[who, source_ip]",
        timespan="2h",
        aliases="{who: {login: USER_NAME, 0d9ff9fb-6f0f-4c55-9f0b-000000000002: user_id}}",
        condition="{lt: 2.5, field: user_id, percentile: 99.5}",
    )

    found = load(LOGIN, burst, READ).by_name["burst"]

    expected = Correlation(
        type="value_percentile",
        rules=("login", "read"),
        group_by=("who", "source_ip"),
        timespan=timedelta(hours=2),
        aliases={"who": {"login": "USER_NAME", "read": "user_id"}},
        field="user_id",
        percentile=99.5,
        operator="lt",
        limit=2.5,
    )
    assert expected == found.aggregation
    assert ("FALSE", (), frozenset()) == (found.predicate, found.event_types, found.fields)
    assert (("who", "source_ip"), ()) == (found.dedup_key, found.dedup_fallback)
    assert timedelta(hours=2) == found.dedup_window


@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
@pytest.mark.parametrize("condition", [None, "{gte: 2}", "{eq: 2}"])
def test_temporal_types_ask_for_every_rule(kind, condition, load):
    burst = correlation(type=kind, rules="[login, read]", condition=condition)

    over = load(LOGIN, READ, burst).by_name["burst"].aggregation

    assert (None, None, ()) == (over.operator, over.limit, over.group_by)


@pytest.mark.parametrize("condition", ["{gte: 2}", "{gt: 1}"])
def test_any_order_may_ask_for_some_of_the_rules(condition, load):
    rules = "[login, read, other]"
    other = READ.replace("000002", "000004").replace("read", "other")
    burst = correlation(type="temporal", rules=rules, condition=condition)

    over = load(LOGIN, READ, other, burst).by_name["burst"]

    assert ("gte", 2, 2) == (
        over.aggregation.operator,
        over.aggregation.limit,
        over.needed_correlated,
    )
    (found,) = said(
        load,
        *(LOGIN, READ, other),
        correlation(type="temporal_ordered", rules=rules, condition=condition),
    )
    assert "temporal_ordered asks for every rule, in order" in found


def test_so_many_rules_of_one_type_are_too_many(load):
    numbers = range(10, 19)
    reads = [READ.replace("000002", f"0000{n}").replace("read", f"read{n}") for n in numbers]
    names = ", ".join(f"read{n}" for n in numbers)

    (found,) = said(load, *reads, correlation(type="temporal", rules=f"[{names}]"))

    assert found.split(": ", 1)[1].startswith("9 of these rules look at the same event types")
    assert load(
        *reads[1:], correlation(type="temporal", rules=f"[{names.removeprefix('read10, ')}]")
    )


def test_one_order_may_ask_for_a_rule_twice(load):
    burst = correlation(type="temporal_ordered", rules="[login, login, read]")

    assert ("login", "login", "read") == load(LOGIN, READ, burst).by_name["burst"].aggregation.rules


def test_texts_stand_for_lists_of_one(load):
    burst = correlation(rules="login", group_by="user_id", **COUNT)

    over = load(LOGIN, burst).by_name["burst"].aggregation

    assert (("login",), ("user_id",)) == (over.rules, over.group_by)


def test_correlations_of_correlations_come_after_what_they_look_at(load):
    top = correlation("top", 7, rules="[middle]", group_by="[user_id]", **COUNT)
    middle = correlation("middle", 8, rules="[burst, login]", group_by="[user_id]", **COUNT)
    burst = correlation(group_by="[user_id]", **COUNT)

    loaded = load(top, middle, burst, LOGIN)

    assert ["login", "burst", "middle", "top"] == [each.name for each in loaded.rules]
    assert ["burst", "middle", "top"] == [each.name for each in loaded.correlations]
    assert {"burst", "middle", "login"} == loaded.correlation_inputs
    assert ["login"] == [each.name for each in loaded.select_by_type("Login")]
    assert () == loaded.select_by_type("ApiEvent")


def test_an_outer_correlation_may_compute_with_what_an_inner_one_comes_to(load):
    inner = correlation(group_by="[user_id]", **COUNT)
    outer = correlation(
        "outer", 8, type="value_sum", rules="[burst]", condition="{gte: 9, field: metric}"
    )

    assert "metric" == load(LOGIN, inner, outer).by_name["outer"].aggregation.field


ALERTS = [
    ({}, {}, (False, True)),
    ({"generate": "true"}, {}, (True, True)),
    ({}, {"block": "{alert: true}"}, (True, True)),
    ({"generate": "true"}, {"block": "{alert: false}"}, (False, True)),
    ({"block": "{alert: false}"}, {}, (False, False)),
]


@pytest.mark.parametrize(("of_burst", "of_login", "expected"), ALERTS)
def test_what_correlations_look_at_is_told_by_itself_only_if_somebody_says_so(
    of_burst, of_login, expected, load
):
    login = rule("login", "Login", "LOGIN_STATUS", **of_login)

    loaded = load(login, READ, correlation(**COUNT, **of_burst))

    assert expected == (loaded.by_name["login"].raises_alert, loaded.by_name["burst"].raises_alert)
    assert loaded.by_name["read"].raises_alert


def test_what_is_said_of_windows_is_about_what_they_compute(load):
    block = (
        "{severity: [{field: metric, gte: 50, level: critical}],"
        " severity_step: [{field: user_id, eq: '005000000000001'}],"
        " title: '{metric:,} of {user_id|user_name|nobody known} until {window_end}'}"
    )

    found = load(LOGIN, correlation(group_by="[user_id]", block=block, **COUNT)).by_name["burst"]

    columns = window_columns.list_window_columns(found)
    empty = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
    asked = ", ".join(each.predicate for each in (*found.severity_cases, *found.severity_steps))
    assert [(False, False)] == duckdb.sql(f"SELECT {asked} FROM (SELECT {empty})").fetchall()
    assert {"metric", "event_count", "user_id"} == set(columns)
    assert {"user_name"} == found.fields
    assert "1,234 of ada until unknown" == title_template.parse_rule_title(found).render_title(
        {"metric": 1234.0, "user_name": "ada"}
    )


def test_titles_know_fallbacks_from_fields(load):
    burst = correlation(block="{title: '{user_id|somebody}'}", **COUNT)

    assert "somebody" == title_template.parse_rule_title(
        load(LOGIN, burst).by_name["burst"]
    ).render_title({})


# ---- what is wrong


def said(load, *documents, disable=()):
    with pytest.raises(RulesError) as caught:
        load(*documents, disable=disable)
    return [f"{each.line}:{each.column}: {each.message}" for each in caught.value.problems]


def mapping(**changes):
    return {"group_by": "[user_id]", **COUNT, **changes}


WRONG = [
    ({"type": "event_sum"}, "6:3: 'type' must be 'event_count', 'value_count'"),
    ({"rules": None}, "5:1: missing key 'rules'"),
    ({"rules": "[]"}, "7:3: 'rules' must hold one item or more"),
    ({"rules": "[logins]"}, "7:11: unknown rule 'logins', did you mean 'login'?"),
    ({"rules": "[login, login]"}, "7:18: rule 'login' stands here twice"),
    ({"rules": "[burst]"}, "7:3: correlations that go round: burst → burst"),
    ({"timespan": None}, "5:1: missing key 'timespan'"),
    ({"timespan": "10 minutes"}, "8:3: 'timespan' must be a time span such as 10m, 1h or 7d"),
    ({"timespan": "0m"}, "8:3: 'timespan' must be a time span"),
    ({"timespan": "91d"}, "8:3: 'timespan' must be at most 90d"),
    ({"timespan": "99999999999999999999y"}, "8:3: 'timespan' must be at most 90d"),
    ({"group_by": "[nme]"}, "9:14: in rule 'login' Login has no field 'nme'"),
    ({"group_by": "[job_id]"}, "9:14: in rule 'login' 'job_id' never has a value in Login"),
    ({"group_by": "[user_id, user_id]"}, "9:23: 'user_id' stands here twice"),
    ({"group_by": "[event_type]"}, "9:14: groups cannot be told apart by 'event_type'"),
    ({"condition": None}, "5:1: missing key 'condition'"),
    ({"condition": "{}"}, "10:3: a condition has one limit, which is one of gt, gte"),
    ({"condition": "{gte: 1, lte: 5}"}, "10:3: a condition has one limit"),
    ({"condition": "{gte: many}"}, "10:15: 'gte' must be a number"),
    ({"condition": "{gte: .nan}"}, "10:15: 'gte' must be a finite number"),
    ({"condition": "{at_least: 1}"}, "10:15: unknown key 'at_least'"),
    ({"condition": "login and not read"}, "10:3: event_count takes a limit such as"),
    ({"condition": "{gte: 3, field: user_id}"}, "10:23: event_count has no 'field'"),
    ({"condition": "{gte: 3, percentile: 5}"}, "10:23: event_count has no 'percentile'"),
    ({"aliases": "{who: {read: user_id}}"}, "11:19: an alias for 'read', which is none of"),
    ({"generate": "maybe"}, "11:3: 'generate' must be true or false"),
    ({"fields": "[a]"}, "11:3: unknown key 'fields'"),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_is_told_where_it_stands(changes, expected, load):
    (found,) = said(load, correlation(**mapping(**changes)), LOGIN, READ, SEEN)

    assert found.startswith(expected)


VALUES = [
    ("value_count", "{gte: 3}", "10:3: value_count needs a 'field'"),
    ("value_count", "{gte: 3, field: [user_id, source_ip]}", "10:23: 'field' names several fields"),
    ("value_count", "{gte: 3, field: nme}", "10:23: in rule 'login' Login has no field 'nme'"),
    ("value_sum", "{gte: 3, field: record_count}", "10:23: in rule 'login' 'record_count' never"),
    ("value_percentile", "{gte: 3, field: user_id}", "10:3: value_percentile needs a 'percentile'"),
    (
        "value_percentile",
        "{gte: 3, field: user_id, percentile: 101}",
        "10:39: 'percentile' must be at most 100",
    ),
    ("temporal", "{gte: 2}", "10:3: temporal counts rules: write {gte: N} with N from 1 to 1"),
    ("temporal", "{lt: 1}", "10:3: temporal counts rules"),
    ("temporal", "{gte: 0.5}", "10:3: temporal counts rules"),
    ("temporal", "{gte: 1, field: user_id}", "10:23: temporal has no 'field'"),
]


@pytest.mark.parametrize(("kind", "condition", "expected"), VALUES)
def test_each_type_has_its_own_condition(kind, condition, expected, load):
    (found,) = said(load, correlation(**mapping(type=kind, condition=condition)), LOGIN)

    assert found.startswith(expected)


BLOCKS = [
    ("{event_types: [Login]}", "11:13: a correlation has no 'event_types'; the rules that"),
    ("{first_seen: {key: [user_id]}}", "11:13: a correlation has no 'first_seen'"),
    ("{baseline: {metric: count}}", "11:13: a correlation has no 'baseline'"),
    ("{severity: [{when: s, level: low}]}", "11:25: 'when' of a correlation is the name of one"),
    ("{severity: [{when: lgin, level: low}]}", "11:25: 'when' of a correlation is the name of"),
    ("{severity: [{field: entity, eq: x, level: low}]}", "11:25: 'entity' never has a value in"),
    ("{severity: [{field: mean, gte: 1, level: low}]}", "11:25: Login has no field 'mean'"),
    (
        "{severity: [{field: metric, gte: 1, members: all, level: low}]}",
        "11:48: 'members' goes with a 'field' of events",
    ),
    (
        "{severity: [{field: source_ip, eq: x, members: al, level: low}]}",
        "11:50: 'members' must be 'any' or 'all'",
    ),
    ("{dedup: {key: [entity]}}", "11:27: 'entity' never has a value in Login"),
    ("{title: '{nme}'}", "11:13: unknown field 'nme'"),
    ("{tests: [{name: n, events: [{a: 1}], expect: {}}]}", "11:40: of which type?"),
]


@pytest.mark.parametrize(("block", "expected"), BLOCKS)
def test_the_block_of_a_correlation_tells_of_windows(block, expected, load):
    (found,) = said(load, correlation(**mapping(), block=block), LOGIN)

    assert found.startswith(expected)


def test_an_alias_is_told_where_it_stands_for_nothing(load):
    burst = correlation(
        **mapping(
            rules="[login, read]",
            group_by="[who]",
            aliases="{who: {login: usr_id, read: user_id}}",
        )
    )

    (found,) = said(load, burst, LOGIN, READ)

    assert found.startswith("11:19: in rule 'login' Login has no field 'usr_id', did you mean")


def test_a_name_that_is_no_alias_for_a_rule_is_a_field_of_it(load):
    burst = correlation(
        **mapping(rules="[login, read]", group_by="[who]", aliases="{who: {login: user_id}}")
    )

    (found,) = said(load, burst, LOGIN, READ)

    assert found.startswith("9:14: in rule 'read' ApiEvent has no field 'who'")


def test_an_outer_correlation_sees_the_fields_of_the_event_with_which_an_inner_one_ends(load):
    inner = correlation(group_by="[user_id]", **COUNT)
    outer = correlation("outer", 8, rules="[burst]", group_by="[source_ip]", **COUNT)
    wrong = correlation("outer", 8, rules="[burst]", group_by="[entity]", **COUNT)

    assert load(outer, inner, LOGIN)
    (found,) = said(load, wrong, inner, LOGIN)
    assert found.startswith("9:14: in rule 'burst' 'entity' never has a value in Login")


def test_cases_of_a_correlation_ask_for_the_events_of_its_windows(load):
    block = (
        "{severity: [{field: source_ip, eq: 192.0.2.1, members: all, level: critical},"
        " {when: READ, field: metric, gte: 9, level: high}, {field: metric, gte: 5, level: high}],"
        " dedup: {key: [source_ip]}}"
    )
    burst = correlation(rules="[login, read]", group_by="[user_id]", block=block, **COUNT)

    found = load(LOGIN, READ, burst).by_name["burst"]

    first, second = found.aggregation.member_conditions
    assert (None, True) == (first.rule, first.is_about_all)
    assert ["source_ip_key"] == list(first.columns)
    assert ("read", False, {}) == (second.rule, second.is_about_all, second.columns)
    assert "#when" not in found.severity_cases[2].predicate
    assert ("source_ip",) == found.aggregation.carried


def test_a_baseline_is_seen_by_its_own_groups_alone(load):
    usual = "{baseline: {metric: count, group_by: [user_id]}}"
    much = rule("seen", "ApiEvent", "operation", block=usual)

    assert load(much, correlation(rules="[seen]", group_by="[user_id]", **COUNT))
    (found,) = said(load, much, correlation(rules="[seen]", group_by="[source_ip]", **COUNT))
    assert "in rule 'seen' its window has no field 'source_ip'; known are user_id" in found


def test_what_is_disabled_cannot_be_correlated(load):
    (found,) = said(load, correlation(**COUNT), LOGIN, disable=["login"])

    assert "7:11: rule 'login' is disabled" == found


def test_a_disabled_correlation_asks_for_nothing(load):
    assert () == load(correlation(**COUNT), LOGIN, disable=["login", "burst"]).rules


def test_correlations_that_go_round_are_told_at_each_of_them(load):
    one = correlation("one", 7, rules="[two]", **COUNT)
    two = correlation("two", 8, rules="[one]", **COUNT)

    first, second = said(load, one, two)

    assert first.endswith("correlations that go round: one → two → one")
    assert second.endswith("correlations that go round: two → one → two")


def test_correlations_are_five_deep_at_most(load):
    names = ["login", "a", "b", "c", "d", "e", "f"]
    chain = [
        correlation(name, 10 + number, rules=f"[{below}]", **COUNT)
        for number, (below, name) in enumerate(pairwise(names))
    ]

    assert 6 == len(load(LOGIN, *chain[:5]).rules)
    (found,) = said(load, LOGIN, *chain)
    assert "more than 5 deep: f → e → d → c → b → a" in found


def test_a_correlation_selects_nothing_itself(load):
    body = "detection: {s: {user_id: x}, condition: s}\nlogsource: {product: salesforce}\n"

    found = said(load, body + correlation(**COUNT), LOGIN)

    assert "1:1: a correlation selects no events itself; write a rule for them" == found[0]
    assert "2:1: a correlation has no logsource; the rules that it looks at have" == found[1]


def test_a_rule_that_is_wrong_is_told_of_once(load):
    broken = LOGIN.replace("LOGIN_STATUS", "LOGIN_STATE")

    (found,) = said(load, correlation(**mapping(group_by="[nme]")), broken)

    assert "Login has no field 'LOGIN_STATE'" in found


def test_what_every_document_has_is_asked_for(load):
    burst = correlation(**COUNT).replace("level: high", "level: hi")

    assert ["4:1: 'hi' is not a valid Sigma rule level"] == said(load, burst, LOGIN)


def test_a_filter_is_nothing_to_correlate(load):
    quiet = (
        "title: q\nname: quiet\nlogsource: {product: salesforce}\n"
        "filter: {rules: any, s: {user_id: x}, condition: not s}\n---\n"
    )

    (found,) = said(load, correlation(**mapping(rules="[quiet]")), LOGIN, quiet)

    assert "7:11: 'quiet' is a filter, not a rule" == found
