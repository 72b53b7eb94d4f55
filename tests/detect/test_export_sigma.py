"""Rules as plain Sigma: what other readers of Sigma understand is what we mean."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from itertools import product

import pytest
import yaml
from sigma.collection import SigmaCollection

from collector.detect import loader
from collector.detect.export.inlined_lists import inline_lists
from collector.detect.export.sigma import export_rules
from collector.detect.lists import ValueList, ValueLists
from collector.detect.lists.value_list import ListEntry
from collector.detect.severity_sql import build_severity_sql
from collector.escaping import quote_literal

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ID = "0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a01"
LOGIN = """\
logsource: {product: salesforce, service: Login}
detection:
  a: {USER_NAME: x}
  condition: a
"""
LADDER = """\
logsource: {product: salesforce, service: ApiEvent}
detection:
  a: {user_id: x}
  b: {operation: query}
  condition: a or b
collector:
  severity:
    - {when: b, field: record_count, gte: 100, level: critical}
    - {field: record_count, gte: 10, lt: 50, level: low}
    - {when: a and not b, level: critical}
  title: "{user_id}"
"""


def exported(rules):
    return {each.rule: each for each in export_rules(rules, at=NOW)}


def documents(sheet):
    return list(yaml.safe_load_all(sheet.text))


def collection(*sheeted):
    """What pySigma makes of it. Fails where it finds anything wrong."""
    found = SigmaCollection.from_yaml("---\n".join(each.text for each in sheeted))
    assert [] == found.errors
    assert [] == [error for rule in found.rules for error in rule.errors]
    return found


@pytest.fixture
def loaded(rule_file, schema):
    def load(body, **changes):
        return loader.load_rule_set([rule_file(body, **changes)], schema=schema)

    return load


def test_a_rule_comes_out_as_it_is_without_its_block(loaded):
    (sheet,) = exported(loaded(LOGIN + "collector: {title: '{user_name}'}\n")).values()
    (document,) = documents(sheet)

    assert ("a-rule", ID, "medium") == tuple(document[key] for key in ("name", "id", "level"))
    assert "collector" not in document
    assert {"a": {"USER_NAME": "x"}, "condition": "a"} == document["detection"]
    collection(sheet)


def test_text_of_several_lines_stays_readable(loaded):
    (sheet,) = exported(loaded("description: |\n  One.\n  Two.\n" + LOGIN)).values()

    assert "description: |\n  One.\n  Two.\n" in sheet.text


def test_several_event_types_become_a_selection_that_them_does_not_mean(loaded):
    body = (
        "logsource: {product: salesforce}\ndetection:\n  a: {user_id: x}\n  condition: 1 of them\n"
        "collector: {event_types: [Login, ApiEvent]}\n"
    )
    (sheet,) = exported(loaded(body)).values()
    (document,) = documents(sheet)

    assert {"event_type": ["Login", "ApiEvent"]} == document["detection"]["_event_types"]
    assert "_event_types and (1 of them)" == document["detection"]["condition"]
    (rule,) = collection(sheet).rules
    (condition,) = rule.detection.parsed_condition
    assert 2 == len(condition.parse().args)


def test_a_single_event_type_becomes_the_service(loaded):
    body = LOGIN.replace(", service: Login", "") + "collector: {event_types: [Login]}\n"
    (sheet,) = exported(loaded(body)).values()

    assert "Login" == documents(sheet)[0]["logsource"]["service"]


def test_several_conditions_become_one(loaded):
    body = LOGIN.replace("condition: a", "b: {USER_NAME: y}\n  condition: [a, b]")
    (sheet,) = exported(loaded(body)).values()

    assert "(a) or (b)" == documents(sheet)[0]["detection"]["condition"]
    collection(sheet)


# ---- severity


def test_a_ladder_becomes_one_rule_for_each_level(loaded):
    (sheet,) = exported(loaded(LADDER)).values()
    found = documents(sheet)

    assert ["critical", "medium", "low"] == [each["level"] for each in found]
    assert ["a-rule-critical", "a-rule-medium", "a-rule-low"] == [each["name"] for each in found]
    assert [str(uuid.uuid5(uuid.UUID(ID), each["level"])) for each in found] == [
        each["id"] for each in found
    ]
    assert all([{"id": ID, "type": "derived"}] == each["related"] for each in found)
    collection(sheet)


STEPPED = LADDER + "  severity_step:\n    - {when: b, add: 2, max: high}\n"


@pytest.mark.parametrize("body", [LADDER, STEPPED])
def test_of_the_rules_of_a_ladder_the_one_of_the_events_level_fires_and_no_other(
    loaded, rules, connection, body
):
    whole = loaded(body)
    (sheet,) = exported(whole).values()
    told = rules(*documents(sheet)).rules
    rows = ", ".join(
        f"({user}, {operation}, {count})"
        for user, operation, count in product(
            ("'x'", "'y'", "NULL"), ("'query'", "'other'", "NULL"), ("5", "10", "50", "100", "NULL")
        )
    )
    (rule,) = whole.rules
    levels = ", ".join(f"CASE WHEN {each.predicate} THEN {int(each.level)} END" for each in told)
    found = connection.execute(
        f"SELECT CASE WHEN {rule.predicate} THEN {build_severity_sql(rule)} END, [{levels}]"
        f" FROM (VALUES {rows}) AS t(user_id, operation, record_count)"
    ).fetchall()

    for level, fired in found:
        assert ([] if level is None else [level]) == [each for each in fired if each is not None]
    assert 3 < len({level for level, _ in found})


# ---- lists


def entry(form, text, **more):
    return ListEntry(form=form, text=text, **more)


def test_lists_are_written_out_by_how_their_entries_are_compared(loaded):
    lists = ValueLists(
        by_name={
            "bad": ValueList(
                name="bad",
                entries=(
                    entry("value", "a*b"),
                    entry("cidr", "192.0.2.0/24"),
                    entry("prefix", "Thief/"),
                    entry("value", "old", expires=date(2026, 5, 31)),
                    entry("value", "new", expires=date(2026, 6, 1)),
                ),
            ),
            "none": ValueList(name="none", entries=()),
        }
    )
    assert [
        {"user_name": "x", "source_ip": ["a\\*b", "new", "plain"]},
        {"user_name": "x", "source_ip|cidr": ["192.0.2.0/24"]},
        {"user_name": "x", "source_ip|startswith": ["Thief/"]},
    ] == inline_lists({"user_name": "x", "source_ip|expand": ["%bad%", "plain"]}, lists, NOW)
    assert [{"a": 1}, {"b": ["(the list was empty)"]}] == inline_lists(
        [{"a": 1}, {"b|expand": "%none%"}], lists, NOW
    )
    assert ["words", "more"] == inline_lists(["words", "more"], lists, NOW)
    contained = inline_lists({"detail|contains|expand": ["%bad%", "plain"]}, lists, NOW)
    assert "plain" in next(
        each["detail|contains"] for each in contained if "detail|contains" in each
    )
    assert not any("detail" in each for each in contained)


# ---- rules over several events


CORRELATION = """\
---
title: Many
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a02
name: many
level: high
correlation:
  type: event_count
  rules: [a-rule]
  group-by: [user_id]
  timespan: 5m
  condition: {gte: 3}
collector: {triage: Look.}
"""


@pytest.fixture
def many(loaded):
    """A rule, and a correlation over it."""
    return lambda body: loaded(body + CORRELATION)


TELLS = "collector: {alert: true}\n"


def test_a_correlation_comes_out_as_it_is_with_the_rule_that_it_looks_at(many):
    found = exported(many(LOGIN))
    (document,) = documents(found["many"])

    assert "collector" not in document
    assert document["correlation"]["generate"] is False
    assert ["a-rule", "many"] == [
        rule.name for rule in collection(found["a-rule"], found["many"]).rules
    ]


def test_a_rule_that_tells_of_its_own_goes_on_doing_so_beside_a_correlation(many):
    found = exported(many(LOGIN + TELLS))

    assert documents(found["many"])[0]["correlation"]["generate"] is True
    collection(*found.values())


def test_a_ladder_below_a_correlation_stays_whole_beside_its_levels(many):
    found = exported(many(LADDER + "  alert: true\n"))
    names = [each["name"] for each in documents(found["a-rule"])]

    assert ["a-rule", "a-rule-critical", "a-rule-medium", "a-rule-low"] == names
    assert documents(found["many"])[0]["correlation"]["generate"] is False
    collection(*found.values())


def test_a_ladder_of_a_building_block_is_never_told(many):
    found = exported(many(LADDER))

    assert ["a-rule"] == [each["name"] for each in documents(found["a-rule"])]


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (
            "first_seen: {key: [user_name], learn: 1d, forget: 30d}",
            "Sigma has no words for what is seen for the first time",
        ),
        (
            "baseline: {metric: count, group_by: [user_name], window: 1h, history: 30d}",
            "Sigma has no words for a measure held against its past or its peers",
        ),
    ],
)
def test_what_sigma_cannot_say_is_left_out(loaded, block, reason):
    (sheet,) = exported(loaded(f"{LOGIN}collector:\n  {block}\n")).values()

    assert ("", reason) == (sheet.text, sheet.reason)


def test_filters_are_applied(loaded):
    exception = (
        "---\ntitle: But not these\nlogsource: {product: salesforce}\n"
        "filter:\n  rules: [a-rule]\n  us: {USER_NAME: us}\n  condition: not us\n"
    )
    (sheet,) = exported(loaded(LOGIN + exception)).values()
    (document,) = documents(sheet)

    assert {"USER_NAME": "us"} in document["detection"].values()
    assert document["detection"]["condition"].startswith("(a) and (not ")
    collection(sheet)


def test_a_filter_on_a_correlation_comes_out_as_a_rule_of_its_own(many, rule_file, schema):
    exception = (
        "---\ntitle: But not these\nlogsource: {product: salesforce}\n"
        "filter:\n  rules: [many]\n  us: {USER_NAME: us}\n  condition: not us\n"
    )
    found = exported(many(LOGIN + TELLS + exception))
    texts = [sheet.text for sheet in found.values()]

    assert ["a-rule--many"] == documents(found["many"])[0]["correlation"]["rules"]
    assert ["a-rule", "a-rule--many", "many"] == [
        rule.name for rule in collection(*found.values()).rules
    ]
    again = loader.load_rule_set([rule_file("---\n".join(texts), head="")], schema=schema)
    assert ("a-rule--many",) == again.by_name["many"].correlated_rules


def test_a_building_block_that_nobody_uses_is_left_out(loaded):
    (sheet,) = exported(loaded(LOGIN + "collector: {alert: false}\n")).values()

    assert "it tells nobody, and no correlation looks at it" == sheet.reason


def test_a_list_in_a_rule_is_written_out(rule_file, schema):
    bad = ValueList(name="bad", entries=(entry("value", "x"), entry("contains", "evil")))
    path = rule_file(LOGIN.replace("USER_NAME: x", "USER_NAME|expand: '%bad%'"))
    rules = loader.load_rule_set([path], schema=schema, lists=ValueLists(by_name={"bad": bad}))
    (sheet,) = exported(rules).values()

    assert [{"USER_NAME": ["x"]}, {"USER_NAME|contains": ["evil"]}] == (
        documents(sheet)[0]["detection"]["a"]
    )
    collection(sheet)


LISTS = {
    "bad": (
        entry("value", "Thief"),
        entry("value", "a*b"),
        entry("prefix", "evil-"),
        entry("contains", "rob"),
    ),
    "ours": (entry("value", "evil-twin"), entry("value", "ann")),
    "ex": (entry("value", "ann"), entry("value", "Thief")),
    "twin": (entry("value", "evil-twin"),),
    "empty": (),
}
NAMES = ("thief", "a*b", "axb", "evil-twin", "evil-x", "a robber", "ann", "bob", "", None)


@pytest.mark.parametrize(
    "item",
    [
        {"user_name|expand": "%bad%"},
        {"user_name|expand": ["%bad%", "%ours%", "bob"]},
        {"user_name|expand|neq": "%bad%"},
        {"user_name|expand|neq": ["%bad%", "%ours%"]},
        {"user_name|expand|neq": "%empty%"},
        {"user_name|expand|all": ["%bad%", "evil*"]},
        {"user_name|expand|all": ["%bad%", "%twin%", "evil*", "*win"]},
        {"user_name|expand|all": ["%bad%", "%empty%"]},
        {"user_name|expand|all|neq": ["%bad%", "%ours%"]},
        {"user_name|expand|all|neq": ["a*", "%ours%"]},
        {"user_name|expand": "%ours%", "user_name": "ann"},
        {"user_name|expand": "%bad%", "user_name|startswith": ["e", "a"]},
        {"user_name|expand|neq": "%bad%", "user_name|neq": "bob"},
        [{"user_name|expand|neq": "%bad%"}, {"user_name|expand": "%ours%"}],
    ],
    ids=str,
)
def test_a_rule_with_its_lists_written_out_holds_for_the_same_events(
    rules, connection, schema, tmp_path, item
):
    lists = ValueLists(by_name={name: ValueList(name=name, entries=e) for name, e in LISTS.items()})
    path = tmp_path / "rule.yml"
    body = {"logsource": {"product": "salesforce"}, "detection": {"a": item, "condition": "a"}}
    head = {"title": "A", "id": ID, "name": "a-rule", "level": "low"}
    path.write_text(yaml.safe_dump({**head, **body}), encoding="utf-8")
    whole = loader.load_rule_set([path], schema=schema, lists=lists)
    (sheet,) = exported(whole).values()
    collection(sheet)

    (ours,), (told,) = whole.rules, rules(*documents(sheet)).rules
    rows = ", ".join(f"({'NULL' if name is None else quote_literal(name)})" for name in NAMES)
    found = connection.execute(
        f"SELECT {ours.predicate}, {told.predicate} FROM (VALUES {rows}) AS t(user_name)"
    ).fetchall()
    assert [held for held, _ in found] == [held for _, held in found]


def test_two_lists_of_one_field_at_once_are_more_than_sigma_can_say(rule_file, schema):
    lists = ValueLists(
        by_name={name: ValueList(name=name, entries=LISTS[name]) for name in ("ours", "ex")}
    )
    body = LOGIN.replace("USER_NAME: x", "USER_NAME|expand|all: ['%ours%', '%ex%']")
    (sheet,) = exported(
        loader.load_rule_set([rule_file(body)], schema=schema, lists=lists)
    ).values()

    assert "Sigma has no words for USER_NAME in two lists at once" == sheet.reason
