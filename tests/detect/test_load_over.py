"""Rules over more than one event of their own: `first_seen` and `baseline` in rule files."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from collector.detect import loader, title_template
from collector.detect.language import window_columns
from collector.errors import RulesError
from collector.model import Baseline, FirstSeen, Severity

DETECTION = """
logsource: {product: salesforce}
detection: {s: {user_id|startswith: '005'}, condition: s}
collector:
  event_types: [%s]
"""


@pytest.fixture
def load(rule_file, schema):
    def load(*block, types="ApiEvent"):
        body = DETECTION % types + "".join(f"  {line}\n" for line in block)
        return loader.load_rule_set([rule_file(body)], schema=schema)

    return load


def said(load, *block, types="ApiEvent"):
    with pytest.raises(RulesError) as caught:
        load(*block, types=types)
    return [f"{each.column}: {each.message}" for each in caught.value.problems]


def test_a_first_seen_key_is_what_makes_an_episode(load):
    (rule,) = load("first_seen: {key: [user_id, operation]}").rules

    key = ("user_id", "operation")
    assert (
        FirstSeen(key=key, learn=timedelta(days=14), forget=timedelta(days=90)) == rule.aggregation
    )
    assert (key, timedelta(minutes=60)) == (rule.dedup_key, rule.dedup_window)
    assert {"user_id", "operation"} == rule.fields


def test_a_dedup_key_of_its_own_stays(load):
    (rule,) = load("first_seen: {key: [user_id, operation]}", "dedup: {key: [source_ip]}").rules

    assert ("source_ip",) == rule.dedup_key
    assert {"user_id", "operation", "source_ip"} == rule.fields


def test_a_key_stands_where_each_type_keeps_it(load):
    loaded = load("first_seen: {key: [Operation]}", types="ApiEvent, BulkJob")

    overs = [loaded.find_variant("a-rule", name).aggregation for name in ("ApiEvent", "BulkJob")]
    assert [("raw_Operation",), ("operation",)] == [over.key for over in overs]
    assert [rule.aggregation for rule in loaded.select_by_type("BulkJob")] == overs[1:]


WHOLE = "baseline: {metric: sum, field: record_count, group_by: [user_id], window: 2h, floor: 500}"


def test_a_baseline_has_defaults(load):
    (rule,) = load(WHOLE).rules

    expected = Baseline(
        metric="sum",
        field="record_count",
        group_by=("user_id",),
        window=timedelta(hours=2),
        history=timedelta(days=30),
        deviations=3,
        floor=500,
        minimum=20,
    )
    assert expected == rule.aggregation
    assert (("user_id",), timedelta(hours=4)) == (rule.dedup_key, rule.dedup_window)
    assert {"user_id", "record_count"} == rule.fields


def test_peers_are_groups_that_have_something_in_common(load):
    (rule,) = load(
        "baseline: {metric: count, group_by: [user_id], peers: operation, window: 1d}",
        'title: "{user_id} of {operation}"',
    ).rules

    over = rule.aggregation
    assert (("user_id", "operation"), ("operation",)) == (over.group_by, over.peers)
    assert (5, timedelta(days=1), ("user_id",)) == (over.minimum, over.history, rule.dedup_key)
    assert {"user_id", "operation"} == rule.condition_fields


def test_what_is_said_of_windows_is_about_what_they_compute(load):
    (rule,) = load(
        WHOLE,
        "severity: [{field: deviations, gte: 10, level: critical}]",
        "severity_step: [{field: user_id, eq: '005000000000001'}]",
        'title: "{metric:,} by {user_id}, usually {mean} in {history}, since {window_start}"',
    ).rules

    columns = window_columns.list_window_columns(rule)
    empty = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
    asked = ", ".join(each.predicate for each in (*rule.severity_cases, *rule.severity_steps))
    assert [(False, False)] == duckdb.sql(f"SELECT {asked} FROM (SELECT {empty})").fetchall()
    numbers = {"metric", "event_count", "mean", "times_mean", "deviations", "history"}
    assert numbers | {"user_id"} == set(columns)
    row = {"metric": 9000.0, "user_id": "005", "mean": 12.5, "history": 40}
    shown = title_template.parse_rule_title(rule).render_title(row)
    assert "9,000 by 005, usually 12.5 in 40, since unknown" == shown


def test_groups_go_by_one_name_in_all_types(load):
    """State is kept per group, over all types; what differs is where each type keeps the group."""
    loaded = load(
        "baseline: {metric: count, group_by: [Operation]}",
        "severity: [{field: Operation, eq: x, level: high}]",
        'title: "{Operation}"',
        types="ApiEvent, BulkJob",
    )

    one, other = (loaded.find_variant("a-rule", name) for name in ("ApiEvent", "BulkJob"))
    assert (("raw_Operation",), ("operation",)) == (
        one.aggregation.group_by,
        other.aggregation.group_by,
    )
    assert (one.severity_cases, one.title, one.dedup_key) == (
        other.severity_cases,
        other.title,
        other.dedup_key,
    )
    assert {"user_id", "raw_Operation"} == one.fields
    assert Severity.HIGH == one.severity_cases[0].level


WRONG = [
    ("first_seen: {}", "3: missing key 'key'"),
    ("first_seen: {key: []}", "16: 'key' must hold one item or more"),
    ("first_seen: {key: [usr_id]}", "22: ApiEvent has no field 'usr_id', did you mean 'user_id'?"),
    ("first_seen: {key: [job_id]}", "22: 'job_id' never has a value in ApiEvent"),
    ("first_seen: {key: [user_id], forget: 2h}", "32: 'forget' must be at least 1d"),
    ("first_seen: {key: [user_id], lern: 2d}", "32: unknown key 'lern', did you mean 'learn'?"),
    ("baseline: {metric: max}", "14: 'metric' must be 'sum', 'count' or 'distinct'"),
    ("baseline: {metric: sum}", "3: the metric sum needs a 'field'"),
    ("baseline: {metric: count, field: user_id}", "29: a count is of events and has no 'field'"),
    ("baseline: {metric: sum, field: records}", "27: ApiEvent has no field 'records'"),
    ("baseline: {metric: count, group_by: [nme]}", "40: ApiEvent has no field 'nme'"),
    ("baseline: {metric: count, group_by: [time]}", "40: groups cannot be told apart by 'time'"),
    ("baseline: {metric: count, group_by: [user_id, user_id]}", "49: 'user_id' stands here twice"),
    ("baseline: {metric: count, window: 7h}", "29: 'window' must divide a day"),
    ("baseline: {metric: count, window: 36h}", "29: 'window' must divide a day"),
    ("baseline: {metric: count, window: 0s}", "29: 'window' must be at least 1s"),
    ("baseline: {metric: count, window: 1d, history: 1d}", "41: 'history' must hold two windows"),
    ("baseline: {metric: count, window: 7d}", "3: history holds 4 windows, so a minimum of 20"),
    ("baseline: {metric: count, floor: -1}", "29: 'floor' must be at least 0"),
    ("baseline: {metric: count, floor: .inf}", "29: 'floor' must be a finite number"),
    ("baseline: {metric: count, minimum: 0}", "29: 'minimum' must be at least 1"),
    ("baseline: {metric: count, peer: user_id}", "29: unknown key 'peer', did you mean 'peers'?"),
    ("baseline: {metric: count, peers: user_id}", "29: peers are other groups: 'group_by' says"),
    ("baseline: {metric: count, group_by: [user_id], peers: [a]}", "58: ApiEvent has no field 'a'"),
    ("baseline: {metric: count, group_by: [user_id], peers: usr_id}", "50: ApiEvent has no field"),
    ("baseline: {metric: count, group_by: [user_id], peers: user_id}", "50: 'user_id' tells"),
    ("baseline: {metric: count, group_by: [user_id], peers: mean}", "50: ApiEvent has no field"),
    (
        "baseline: {metric: count, group_by: [user_id], peers: time}",
        "50: peers cannot have 'time' in common, which windows have of their own",
    ),
    (
        "baseline: {metric: count, group_by: [user_id], peers: operation, history: 30d}",
        "68: peers are compared in the same window, so there is no 'history' to look at",
    ),
]


@pytest.mark.parametrize(("line", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_where_it_stands(line, expected, load):
    (found,) = said(load, line)

    assert found.startswith(expected)


BASELINE = "baseline: {metric: count, group_by: [user_id]}"

TOGETHER = [
    ("first_seen: {key: [user_id]}", "3: first_seen and baseline: name one of them"),
    ("dedup: {key: [source_ip]}", "17: its window has no field 'source_ip'; known are user_id"),
    ("severity: [{when: s, level: low}]", "15: 'when' is about an event, and this rule tells of"),
    ("severity: [{field: operation, eq: x, level: low}]", "15: its window has no field"),
    ("severity: [{field: metrics, gte: 1, level: low}]", "15: its window has no field 'metrics'"),
    ("severity_step: [{field: window_end, gte: 1}]", "20: its window has no field 'window_end'"),
    ("title: '{operatio}'", "3: unknown field 'operatio'"),
]


@pytest.mark.parametrize(("line", "expected"), TOGETHER, ids=[row[0] for row in TOGETHER])
def test_a_baseline_tells_of_windows_and_groups_alone(line, expected, load):
    (found,) = said(load, BASELINE, line)

    assert found.startswith(expected)


def test_a_baseline_of_everything_has_one_group(load):
    (rule,) = load("baseline: {metric: count, window: 1d}").rules

    assert ((), ()) == (rule.aggregation.group_by, rule.dedup_key)
    assert timedelta(days=2) == rule.dedup_window


def test_a_ratio_takes_the_place_of_deviations_unless_both_are_asked_for(load):
    ratio = WHOLE.replace("floor: 500", "times_mean: 10")
    (rule,) = load(ratio, "severity: [{field: metric, gte: mean, level: high}]").rules
    (both,) = load(WHOLE.replace("floor: 500", "deviations: 4, times_mean: 10")).rules

    assert (0.0, 10.0) == (rule.aggregation.deviations, rule.aggregation.times_mean)
    assert (4.0, 10.0) == (both.aggregation.deviations, both.aggregation.times_mean)
    case = rule.severity_cases[0].predicate
    windows = "(VALUES (5.0, 4.0), (4.0, 5.0), (4.0, NULL)) AS windows(metric, mean)"
    assert [(True,), (False,), (False,)] == duckdb.sql(f"SELECT {case} FROM {windows}").fetchall()
