"""Baselines: batches in any order say what the SQL over everything says."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import engine
from collector.clock import EPOCH, to_micros
from collector.detect import RuleSet, baseline_sql
from collector.evaluation.evaluator import RuleEvaluator
from collector.model import Baseline, Severity, SeverityCase, SeverityStep
from collector.store import tables
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, build_rule
from fakes.stateful_org import StatefulOrg, draw_batches

HOUR = timedelta(hours=1)
OVER = Baseline(
    metric="sum",
    field="record_count",
    group_by=("user_id",),
    window=HOUR,
    history=10 * HOUR,
    deviations=2.0,
    floor=0.0,
    minimum=2,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("judging")
    database = open_sqlite_state(root)
    with engine.open_engine() as connection:
        yield lambda: StatefulOrg(database, connection, root)
    database.close()


def much(*, types=("ApiEvent",), changes=None, **over):
    made = build_rule(
        name="much",
        event_types=types,
        predicate="coalesce(outcome = 'success', FALSE)",
        fields=frozenset({"user_id", "entity", "outcome", "record_count", "AMOUNT"}),
        title="{metric:,} by {user_id}, {deviations|no} sd over {mean} in {history} windows",
        aggregation=replace(OVER, **over),
    )
    return replace(made, **(changes or {}))


def judge(org, made):
    return RuleEvaluator(RuleSet(rules=(made,)), org.database)


def event(uid, hours, count=1, user="u1", outcome="success", **more):
    return {
        "event_uid": uid,
        "time": NOON + hours * HOUR,
        "user_id": user,
        "record_count": count,
        "outcome": outcome,
        **more,
    }


def usual(*counts, user="u1"):
    """One event an hour."""
    return [event(f"{user}-{n}", n, count, user) for n, count in enumerate(counts)]


def starts(org):
    """The hours of the windows that are told."""
    return {
        (match.event["window_start"] - NOON) / HOUR: match.weight
        for match in org.active_matches.values()
    }


def test_what_is_far_above_the_past_is_told(world):
    org, made = world(), much()
    org.ingest_events(
        judge(org, made), [*usual(14, 12, 10), event("e", 3, 16), event("f", 3.5, 1)], "ApiEvent"
    )

    assert {} == org.failures
    assert {3: 17} == starts(org)


def test_a_window_may_be_told_by_its_ratio_to_the_mean(world):
    org = world()
    made = much(deviations=0.0, times_mean=10.0, changes={"title": "{times_mean} times the usual"})
    org.ingest_events(judge(org, made), usual(10, 14, 119, 600), "ApiEvent")

    assert {3: 600} == starts(org)
    (match,) = org.active_matches.values()
    assert "12.59 times the usual" == match.title
    sql = baseline_sql.select_scored_windows(org.select_parts(made, "ApiEvent"))
    fires = org.connection.execute(f"SELECT metric FROM ({sql}) WHERE fires").fetchall()
    assert [(600.0,)] == fires


def test_exactly_so_many_deviations_are_not_enough(world):
    org, made = world(), much(deviations=1.0)
    org.ingest_events(judge(org, made), [*usual(10, 14), event("e", 2, 14)], "ApiEvent")

    assert {} == starts(org)


def test_less_than_the_floor_is_not_told(world):
    org, made = world(), much(floor=18.0)
    org.ingest_events(judge(org, made), [*usual(14, 12, 10), event("e", 3, 17)], "ApiEvent")
    org.ingest_events(judge(org, made), [event("f", 3, 1)], "ApiEvent")

    assert {3: 18} == starts(org)


def test_a_new_group_is_told_by_its_value_alone(world):
    org, made = world(), much(minimum=3, cold_start=100.0, floor=1000.0)
    org.ingest_events(judge(org, made), usual(99, 100, 100, 101), "ApiEvent")

    assert {1: 100, 2: 100} == starts(org)


def test_a_window_is_told_before_it_is_over_and_grows(world):
    org, made = world(), much()
    org.ingest_events(judge(org, made), [*usual(14, 12, 10), event("e", 3, 30)], "ApiEvent")
    (first,) = org.active_matches.values()
    org.ingest_events(judge(org, made), [event("f", 3.9, 70)], "ApiEvent")
    (second,) = org.active_matches.values()

    assert (first.event_uid, 30, 1) == (second.event_uid, first.weight, first.count)
    assert (100, 2) == (second.weight, second.count)
    assert ["f", "e"] == [each["event_uid"] for each in (second.event, *second.evidence)]
    assert (NOON + 3.9 * HOUR, "f") == (second.time, second.event["event_uid"])


def test_the_members_of_a_list_are_counted_and_make_groups(world):
    """An event with several values counts as one, and is in the group of each."""
    org = world()
    kinds = much(metric="distinct", field="entity", minimum=1)
    sets = [
        ("a", 0, "Account"),
        ("b", 1, "Account,Lead ; Case"),
        ("c", 1.5, "Lead"),
        ("d", 1.6, ""),
    ]
    events = [event(uid, hours, entity=entity or None) for uid, hours, entity in sets]
    org.ingest_events(judge(org, kinds), events, "ApiEvent")
    (match,) = org.active_matches.values()

    assert (3, 3) == (match.weight, match.count)
    assert {"b", "c", "d"} == {each["event_uid"] for each in (match.event, *match.evidence)}
    groups = world()
    made = much(metric="count", field=None, group_by=("entity",), minimum=1, cold_start=2.0)
    groups.ingest_events(judge(groups, made), events, "ApiEvent")
    assert ["Lead"] == [match.event["entity"] for match in groups.active_matches.values()]


def test_events_without_a_group_may_be_a_group_of_their_own(world):
    org = world()
    made = much(metric="count", field=None, cold_start=2.0, minimum=1, missing="value")
    rows = [event("a", 0, user=None), event("b", 0.1, user=None), event("c", 0.2, user="u2")]
    org.ingest_events(judge(org, made), rows, "ApiEvent")

    (match,) = org.active_matches.values()
    assert (2, {"user_id": ""}) == (match.count, match.context[0]["group"])
    assert match.title.startswith("2 by")
    assert "user_id" not in match.event


def test_late_events_raise_what_is_usual_and_take_matches_back(world):
    org, made = world(), much()
    org.ingest_events(judge(org, made), [*usual(14, 12, 10), event("e", 3, 30)], "ApiEvent")
    org.ingest_events(judge(org, made), [event("late", 1.5, 100)], "ApiEvent")

    assert {} == starts(org)
    assert [False] * 4 == [row[-1] for row in org.read_rows(tables.baseline_windows)]


def test_windows_long_past_are_no_past(world):
    org, made = world(), much(minimum=1)
    events = [event("a", 0, 1000), event("b", 1, 10), event("c", 11.1, 11)]
    org.ingest_events(judge(org, made), events, "ApiEvent")

    assert {11: 11} == starts(org)


def test_windows_begin_at_multiples_of_their_length(world):
    org, made = world(), much(window=timedelta(days=7), history=timedelta(days=90), cold_start=1.0)
    org.ingest_events(judge(org, made), [event("e", 0)], "ApiEvent")

    (match,) = org.active_matches.values()
    start = match.event["window_start"]
    assert timedelta() == (start - EPOCH) % timedelta(days=7)
    assert start <= NOON < match.event["window_end"] == start + timedelta(days=7)


def test_text_that_is_no_number_adds_nothing(world):
    org, made = world(), much(field="AMOUNT", cold_start=0.0)
    amounts = ["1.5", "inf", "nan", "1e400", "x", "", None, " 2 "]
    rows = [event(f"e{n}", 0, AMOUNT=amount) for n, amount in enumerate(amounts)]
    org.ingest_events(judge(org, made), rows, "ApiEvent")

    assert {0: 3.5} == starts(org)


def test_distinct_tells_values_apart_as_text(world):
    org, made = world(), much(metric="distinct", field="entity", cold_start=1.0)
    rows = [event(f"e{n}", 0, entity=name) for n, name in enumerate(["A", "a", "A", None])]
    org.ingest_events(judge(org, made), rows, "ApiEvent")

    assert {0: 2} == starts(org)


def test_a_match_tells_of_the_window_and_what_is_usual(world):
    cases = (SeverityCase(predicate='"metric" >= 40', level=Severity.LOW),)
    steps = (
        SeverityStep(
            predicate='"deviations" > 10 AND "user_id" = \'u1\'',
            increment=3,
            max_severity=Severity.HIGH,
        ),
        SeverityStep(predicate='"history" > 3', increment=1, max_severity=Severity.CRITICAL),
    )
    org, made = world(), much(changes={"severity_cases": cases, "severity_steps": steps})
    rows = [event(f"e{n}", 3 + n / 100, n, source_ip=f"10.0.0.{n // 5}") for n in range(12)]
    for each in rows:
        each["country"] = "DE"
    org.ingest_events(judge(org, made), [*usual(14, 12, 10), *rows], "ApiEvent")

    (match,) = org.active_matches.values()
    sd = math.sqrt(8 / 3)
    assert Severity.HIGH == match.severity
    assert "66 by u1, 33.07 sd over 12 in 3 windows" == match.title
    assert ("u1",) == match.key
    assert (66, 12, 9) == (match.weight, match.count, len(match.evidence))
    assert {"user_id": "u1", "country": "DE"} == match.entities
    assert "e11" == match.event["event_uid"]
    assert match.event_uid.startswith("window:")
    (context,) = match.context
    assert pytest.approx(sd) == context.pop("stddev")
    assert {
        "kind": "baseline",
        "metric": "sum",
        "field": "record_count",
        "value": 66.0,
        "event_count": 12,
        "mean": 12.0,
        "windows": 3,
        "window_start": (NOON + 3 * HOUR).isoformat(),
        "window_end": (NOON + 4 * HOUR).isoformat(),
        "group": {"user_id": "u1"},
        "history_days": 10 / 24,
        "recent": [[(NOON + n * HOUR).isoformat(), 14.0 - 2 * n] for n in range(3)],
    } == context


def test_a_rule_that_is_new_knows_the_whole_archive_and_tells_of_the_batch_alone(world):
    org = world()
    org.ingest_events(
        judge(org, much(group_by=("entity",))), usual(14, 12, 10, 90, 12, 12), "ApiEvent"
    )
    org.ingest_events(judge(org, much()), [event("e", 7, 500)], "ApiEvent")

    assert {7: 500} == starts(org)


def test_a_rule_that_is_gone_remembers_nothing(world):
    org = world()
    org.ingest_events(judge(org, much()), usual(1), "ApiEvent")
    org.ingest_events(RuleEvaluator(RuleSet(rules=()), org.database), usual(2), "ApiEvent")

    assert set() == org.read_rows(tables.rule_fingerprints) | org.read_rows(tables.baseline_windows)


def test_a_rule_that_fails_is_told_of_and_learns_anew_later(world):
    org, made = world(), much()
    org.ingest_events(judge(org, made), usual(1), "ApiEvent")
    bad = replace(made, predicate="(detail::INTEGER > 0)", fields=made.fields | {"detail"})
    broken = RuleEvaluator(RuleSet(rules=(bad, replace(made, name="other"))), org.database)
    org.ingest_events(broken, [event("e2", 1, detail="secret")], "ApiEvent")

    assert {"much"} == org.failures.keys()
    assert "secret" not in org.failures["much"]
    assert {"other"} == {row[1] for row in org.read_rows(tables.rule_fingerprints)}


# ---- laws

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from([1, 1, 2, 3, 10, 40]),
        st.sampled_from(["u1", "u1", "u2", None]),
        st.sampled_from(["success", "success", "failure"]),
    ),
    min_size=1,
    max_size=25,
)
RULES = st.builds(
    much,
    metric=st.sampled_from(["sum", "count", "distinct"]),
    deviations=st.sampled_from([0.0, 1.0, 2.5]),
    floor=st.sampled_from([0.0, 5.0]),
    minimum=st.integers(1, 3),
    cold_start=st.sampled_from([None, 12.0, 2.0]),
    history=st.sampled_from([3 * HOUR, 2.5 * HOUR, 8 * HOUR]),
)


def slow(made, events):
    """The definition, word by word: (group, start) to value."""
    over = made.aggregation
    windows = {}
    for each in events:
        if each["outcome"] == "success" and each["user_id"] is not None:
            size = over.window / timedelta(microseconds=1)
            start = to_micros(each["time"]) // size * size
            windows.setdefault((each["user_id"], start), []).append(each["record_count"])
    measure = {"sum": sum, "count": len, "distinct": lambda values: len(set(values))}[over.metric]
    values = {place: measure(counts) for place, counts in windows.items()}
    return {place: value for place, value in values.items() if _fires(over, values, place)}


def _fires(over, values, place):
    group, start = place
    history = over.history / timedelta(microseconds=1)
    past = [v for (g, s), v in values.items() if g == group and start - history <= s < start]
    value = values[place]
    if len(past) < over.minimum:
        return over.cold_start is not None and value >= over.cold_start
    mean = sum(past) / len(past)
    variance = sum((each - mean) ** 2 for each in past) / len(past)
    limit = mean + over.deviations * math.sqrt(variance)
    return value > limit and not math.isclose(value, limit, rel_tol=1e-12) and value >= over.floor


LAW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def pure(org, made, *types):
    """What the SQL that remembers nothing says, by the uid of the window."""
    shown = "user_id, window_start, metric, event_count, history, mean, stddev"
    windows = baseline_sql.select_scored_windows(org.select_parts(made, *types))
    sql = f"SELECT {shown} FROM ({windows}) WHERE fires"
    return {(row[0], row[1]): row[2:] for row in org.connection.execute(sql).fetchall()}


def told(org):
    found = {}
    for match in org.active_matches.values():
        (context,) = match.context
        place = (match.event["user_id"], to_micros(match.event["window_start"]))
        facts = [context[name] for name in ("windows", "mean", "stddev")]
        found[place] = (match.weight, match.count, *facts)
    return found


@pytest.mark.slow
@LAW
@given(st.data(), EVENTS, RULES)
def test_any_order_of_arrival_ends_with_the_same_matches(world, data, drawn, made):
    org = world()
    events = [event(f"e{n}", *values) for n, values in enumerate(drawn)]
    for each in draw_batches(data, events):
        org.ingest_events(judge(org, made), each, "ApiEvent")

    expected = pure(org, made, "ApiEvent")
    assert {} == org.failures
    assert slow(made, events) == {place: facts[0] for place, facts in expected.items()}
    assert expected == told(org)
    grown = {row[:-1] for row in org.read_rows(tables.baseline_windows)}
    with org.database.begin() as connection:
        connection.execute(
            tables.rule_fingerprints.delete().where(tables.rule_fingerprints.c.org == org.name)
        )
    org.ingest_events(judge(org, made), [event("last", 0, outcome="failure")], "ApiEvent")
    assert {row[:-1] for row in org.read_rows(tables.baseline_windows)} == grown


@pytest.mark.slow
@LAW
@given(st.data(), EVENTS)
def test_records_that_change_end_with_the_same_matches(world, data, drawn):
    """Of derived events the last state counts, as if it had been the first."""
    org, made = world(), much(types=("BulkJob", "ApiEvent"), minimum=1, deviations=0.0)
    events = [
        event(f"e{n}", hours, count, user, outcome, job_id=f"j{n % 5}", operation="query")
        for n, (hours, count, user, outcome) in enumerate(drawn)
    ]
    for each in draw_batches(data, events):
        kind = "ApiEvent" if each[0]["job_id"] == "j4" else "BulkApi2"
        org.ingest_events(judge(org, made), each, kind)

    assert {} == org.failures
    assert pure(org, made, "BulkJob", "ApiEvent") == told(org)
