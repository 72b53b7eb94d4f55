"""Baselines with peers: windows against those of the others, in whatever order events come."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import engine
from collector.clock import to_micros
from collector.detect import RuleSet, baseline_sql
from collector.evaluation.evaluator import RuleEvaluator
from collector.model import Baseline
from collector.store import tables
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, build_rule
from fakes.stateful_org import StatefulOrg, draw_batches

HOUR = timedelta(hours=1)
OVER = Baseline(
    metric="sum",
    field="record_count",
    group_by=("user_id", "country"),
    peers=("country",),
    window=HOUR,
    history=HOUR,
    deviations=0.0,
    times_mean=5.0,
    floor=20.0,
    minimum=2,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("peers")
    database = open_sqlite_state(root)
    with engine.open_engine() as connection:
        yield lambda: StatefulOrg(database, connection, root)
    database.close()


def much(**over):
    return build_rule(
        name="much",
        event_types=("ApiEvent",),
        predicate="coalesce(outcome = 'success', FALSE)",
        fields=frozenset({"user_id", "country", "outcome", "record_count"}),
        title="{metric:,} by {user_id}, {times_mean} times the {history} others of {country}",
        aggregation=replace(OVER, **over),
    )


def judge(org, made):
    return RuleEvaluator(RuleSet(rules=(made,)), org.database)


def event(uid, user, count, **values):
    hours = values.pop("hours", 0.5)
    made = {"event_uid": uid, "time": NOON + hours * HOUR, "user_id": user, "record_count": count}
    return {**made, "country": "DE", "outcome": "success", **values}


def list_titles(org):
    return sorted(match.title for match in org.active_matches.values())


def test_a_group_is_compared_with_the_others_of_its_kind_in_the_same_window(world):
    org, made = world(), much()
    others = [
        event("of-another-kind", "u4", 1000, country="FR"),
        event("of-another-hour", "u2", 1000, hours=1.5),
        event("of-another-kind-2", "u5", 1000, country="FR"),
    ]
    rows = [event("a", "u1", 40), event("b", "u2", 6), event("c", "u3", 10), *others]
    org.ingest_events(judge(org, made), rows, "ApiEvent")

    assert {} == org.failures
    assert ["40 by u1, 5 times the 2 others of DE"] == list_titles(org)
    (match,) = org.active_matches.values()
    (context,) = match.context
    assert {"country": "DE"} == context["peers"]
    assert (8.0, 2.0, 2) == (context["mean"], context["stddev"], context["windows"])
    assert context.keys().isdisjoint({"recent", "history_days"})


def test_with_too_few_peers_only_cold_start_tells(world):
    org, made = world(), much(cold_start=100.0)
    rows = [event("a", "u1", 99), event("b", "u2", 1), event("c", "u1", 100, hours=1.5)]
    org.ingest_events(judge(org, made), rows, "ApiEvent")

    assert [100.0] == [match.weight for match in org.active_matches.values()]


def test_peers_that_come_late_begin_and_end_a_match_of_others(world):
    """The user has no event in these batches, and the alert is about him."""
    org, made = world(), much()
    org.ingest_events(judge(org, made), [event("a", "u1", 40), event("b", "u2", 6)], "ApiEvent")
    assert [] == list_titles(org)

    org.ingest_events(judge(org, made), [event("c", "u3", 10)], "ApiEvent")
    assert ["40 by u1, 5 times the 2 others of DE"] == list_titles(org)

    org.ingest_events(judge(org, made), [event("d", "u3", 5)], "ApiEvent")
    assert [] == list_titles(org)
    org.ingest_events(judge(org, made), [event("e", "u5", 0)], "ApiEvent")
    assert ["40 by u1, 5.71 times the 3 others of DE"] == list_titles(org)


def test_one_value_of_huge_size_does_not_blur_what_the_others_are_like(world):
    org, made = world(), much(deviations=1.0, times_mean=None)
    rows = [event("a", "u1", 4_000_000_000_000), event("b", "u2", 10), event("c", "u3", 14)]
    org.ingest_events(judge(org, made), rows, "ApiEvent")

    (match,) = org.active_matches.values()
    assert (12.0, 2.0) == (match.context[0]["mean"], match.context[0]["stddev"])
    sql = baseline_sql.select_scored_windows(org.select_parts(made, "ApiEvent"))
    found = org.connection.execute(f"SELECT mean, stddev FROM ({sql}) WHERE fires").fetchall()
    assert [(12.0, 2.0)] == found


# ---- the law

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u3", "u4", None]),
        st.sampled_from([0, 1, 2, 3, 10, 40]),
        st.sampled_from([0.1, 0.9, 1.2, 5]),
        st.sampled_from(["DE", "DE", "FR", None]),
        st.sampled_from(["success", "success", "failure"]),
    ),
    min_size=1,
    max_size=25,
)
RULES = st.builds(
    much,
    metric=st.sampled_from(["sum", "count", "distinct"]),
    deviations=st.sampled_from([0.0, 1.0, 2.5]),
    times_mean=st.sampled_from([None, 1.5]),
    floor=st.sampled_from([0.0, 2.0, 12.0]),
    minimum=st.integers(1, 3),
    cold_start=st.sampled_from([None, 12.0, 2.0]),
    missing=st.sampled_from(["skip", "value"]),
)


def fire_by_definition(made, events):
    """The definition, word by word: (user, country, start) to value."""
    over = made.aggregation
    windows = {}
    for each in events:
        names = [each["user_id"], each["country"]]
        if each["outcome"] != "success" or (over.missing == "skip" and None in names):
            continue
        start = to_micros(each["time"]) // 3_600_000_000 * 3_600_000_000
        place = (*(name or "" for name in names), start)
        windows.setdefault(place, []).append(each["record_count"])
    measure = {"sum": sum, "count": len, "distinct": lambda values: len(set(values))}[over.metric]
    values = {place: measure(counts) for place, counts in windows.items()}
    return {place: value for place, value in values.items() if is_told(over, values, place)}


def is_told(over, values, place):
    others = [v for other, v in values.items() if other[1:] == place[1:] and other != place]
    value = values[place]
    if len(others) < over.minimum:
        return over.cold_start is not None and value >= over.cold_start
    mean = sum(others) / len(others)
    limit = mean + over.deviations * math.sqrt(sum((v - mean) ** 2 for v in others) / len(others))
    is_above = value > limit and not math.isclose(value, limit, rel_tol=1e-12)
    is_multiple = over.times_mean is None or value * len(others) >= over.times_mean * sum(others)
    return is_above and is_multiple and value >= over.floor


@pytest.mark.slow
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data(), EVENTS, RULES)
def test_any_order_of_arrival_ends_with_the_same_matches(world, data, drawn, made):
    org = world()
    names = ("hours", "country", "outcome")
    events = [
        event(f"e{n}", user, count, **dict(zip(names, values, strict=True)))
        for n, (user, count, *values) in enumerate(drawn)
    ]
    for each in draw_batches(data, events):
        org.ingest_events(judge(org, made), each, "ApiEvent")

    shown = "coalesce(user_id, ''), coalesce(country, ''), window_start, metric"
    windows = baseline_sql.select_scored_windows(org.select_parts(made, "ApiEvent"))
    sql = f"SELECT {shown}, history, mean, stddev FROM ({windows}) WHERE fires"
    expected = {tuple(row[:3]): row[3:] for row in org.connection.execute(sql).fetchall()}
    found = {}
    for match in org.active_matches.values():
        (context,) = match.context
        place = (*context["group"].values(), to_micros(match.event["window_start"]))
        facts = [context[name] for name in ("windows", "mean", "stddev")]
        found[place] = (match.weight, *facts)
    assert {} == org.failures
    assert fire_by_definition(made, events) == {place: row[0] for place, row in expected.items()}
    assert expected == found
    told = {row[-1] for row in org.read_rows(tables.baseline_windows)}
    assert (True in told) == bool(found)
