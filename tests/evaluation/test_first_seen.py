"""First-seen rules: batches in any order say what the SQL over everything says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import engine
from collector.detect import RuleSet, correlation_sql, first_seen_sql
from collector.evaluation.evaluator import RuleEvaluator
from collector.model import FirstSeen
from collector.store import tables
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, build_rule
from fakes.stateful_org import StatefulOrg, draw_batches

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("judging")
    database = open_sqlite_state(root)
    with engine.open_engine() as connection:
        yield lambda: StatefulOrg(database, connection, root)
    database.close()


def first_seen(*, types=("Login",), key=("user_id", "app_name"), learn=0 * DAY, forget=2 * DAY):
    return build_rule(
        name="new-app",
        event_types=types,
        predicate="coalesce(outcome = 'success', FALSE)",
        fields=frozenset({*key, "outcome", "user_id", "app_name"}),
        title="{user_id} with {app_name}",
        aggregation=FirstSeen(key=key, learn=learn, forget=forget),
    )


def judge(org, made):
    return RuleEvaluator(RuleSet(rules=(made,)), org.database)


def event(uid, hours, user="u1", app="a1", outcome="success", **more):
    time = NOON + hours * HOUR
    return {
        "event_uid": uid,
        "time": time,
        "user_id": user,
        "app_name": app,
        "outcome": outcome,
        **more,
    }


def first_uids(org):
    """The events that are told of, without what marks one of several keys."""
    return set(map(correlation_sql.strip_group_mark, org.active_matches))


def test_a_key_is_told_once_and_again_when_it_was_forgotten(world):
    org, made = world(), first_seen()
    org.ingest_events(
        judge(org, made),
        [
            event("e1", 0),
            event("e2", 1),
            event("e3", 49),
            event("e4", 97.001),
            event("e5", 1, "u2"),
        ],
        "Login",
    )

    assert {} == org.failures
    assert {"e1", "e4", "e5"} == org.active_matches.keys()


def test_exactly_as_long_ago_as_is_forgotten_is_still_known(world):
    org, made = world(), first_seen()
    org.ingest_events(judge(org, made), [event("e1", 0)], "Login")
    org.ingest_events(judge(org, made), [event("e2", 48)], "Login")

    assert {"e1"} == org.active_matches.keys()


def test_a_late_older_event_takes_the_place_of_the_first(world):
    org, made = world(), first_seen()
    org.ingest_events(judge(org, made), [event("e2", 10)], "Login")
    org.ingest_events(judge(org, made), [event("e1", 3)], "Login")

    assert {"e1"} == org.active_matches.keys()
    assert ["e2", "e1"] == org.notified_uids


def test_nothing_is_said_while_learning(world):
    org, made = world(), first_seen(learn=3 * DAY)
    org.ingest_events(
        judge(org, made), [event("e0", 0, outcome="failure"), event("e1", 71)], "Login"
    )
    org.ingest_events(judge(org, made), [event("e2", 72, "u2")], "Login")

    assert {"e2"} == org.active_matches.keys()


def test_events_without_a_part_of_the_key_say_nothing(world):
    org, made = world(), first_seen()
    org.ingest_events(judge(org, made), [event("e1", 0, app=None), event("e2", 1)], "Login")

    assert {"e2"} == org.active_matches.keys()


def test_to_lack_a_part_of_the_key_may_be_a_value_of_its_own(world):
    org, made = world(), first_seen(key=("user_id", "app_name", "entity"))
    made = replace(made, aggregation=replace(made.aggregation, missing="value"))
    rows = [
        event("e1", 0, app=None),
        event("e2", 1, app=None, entity=""),
        event("e3", 2, app=None, entity="Lead"),
        event("e4", 3, entity="Lead"),
    ]
    for row in rows:
        org.ingest_events(judge(org, made), [row], "Login")

    assert {"e1", "e3", "e4"} == first_uids(org)
    sql = first_seen_sql.select_matches(org.select_parts(made, "Login"), since=NOON)
    assert {"e1", "e3", "e4"} == {row[0] for row in org.connection.execute(sql).fetchall()}


def test_values_that_look_alike_when_put_together_are_other_keys(world):
    org, made = world(), first_seen()
    org.ingest_events(
        judge(org, made), [event("e1", 0, "a", "bc"), event("e2", 1, "ab", "c")], "Login"
    )

    assert {"e1", "e2"} == org.active_matches.keys()


def test_each_member_of_a_list_is_a_key(world):
    """What is new is told once, whatever stands beside it; a late event takes but its own."""
    org, made = world(), first_seen(key=("app_name", "entity"))
    sets = [("e1", 5, "Account"), ("e2", 6, "Account;Account"), ("e3", 7, "Account,Lead ; Case")]
    for uid, hours, entity in sets:
        org.ingest_events(judge(org, made), [event(uid, hours, entity=entity)], "Login")
    before = sorted(map(correlation_sql.strip_group_mark, org.active_matches))
    keys = [match.context[0]["key"]["entity"] for match in org.active_matches.values()]
    org.ingest_events(judge(org, made), [event("e4", 1, entity="Case")], "Login")

    assert ["e1", "e3", "e3"] == before
    assert ["Account", "Case", "Lead"] == sorted(keys)
    assert {"e1", "e3", "e4"} == first_uids(org)
    sql = first_seen_sql.select_matches(org.select_parts(made, "Login"), since=NOON)
    assert {"e1", "e3", "e4"} == {row[0] for row in org.connection.execute(sql).fetchall()}


def test_a_match_shows_what_it_was_held_against(world):
    org, made = world(), first_seen(learn=1 * DAY)
    org.ingest_events(judge(org, made), [event("e1", 0)], "Login")
    org.ingest_events(judge(org, made), [event("e2", 72)], "Login")

    (match,) = org.active_matches.values()
    assert (
        {
            "kind": "first_seen",
            "key": {"user_id": "u1", "app_name": "a1"},
            "since": NOON.isoformat(),
            "last_seen": NOON.isoformat(),
            "learn_days": 1,
            "forget_days": 2,
        },
    ) == match.context
    assert ("u1 with a1", ("u1",), "e2") == (match.title, match.key, match.event["event_uid"])


def test_a_rule_that_is_new_knows_the_whole_archive_and_tells_of_the_batch_alone(world):
    org = world()
    org.ingest_events(judge(org, first_seen(key=("app_name",))), [event("e1", 0)], "Login")
    org.active_matches.clear()
    org.ingest_events(judge(org, first_seen()), [event("e2", 1), event("e3", 1, "u2")], "Login")

    assert {"e3"} == org.active_matches.keys()


def test_what_a_rule_of_another_form_remembered_is_dropped(world):
    org = world()
    org.ingest_events(judge(org, first_seen(forget=3 * DAY)), [event("e1", 0)], "Login")
    org.ingest_events(judge(org, first_seen()), [event("e2", 60)], "Login")

    assert {"e1", "e2"} == org.active_matches.keys()
    assert {"e1", "e2"} == {row[3] for row in org.read_rows(tables.first_seen_runs)}


def test_a_rule_that_is_gone_remembers_nothing(world):
    org = world()
    org.ingest_events(judge(org, first_seen()), [event("e1", 0)], "Login")
    org.ingest_events(RuleEvaluator(RuleSet(rules=()), org.database), [event("e2", 1)], "Login")

    assert set() == org.read_rows(tables.rule_fingerprints)
    assert set() == org.read_rows(tables.first_seen_runs)


def test_a_rule_that_fails_is_told_of_and_learns_anew_later(world):
    org, made = world(), first_seen()
    org.ingest_events(judge(org, made), [event("e1", 0)], "Login")
    broken = RuleEvaluator(
        RuleSet(
            rules=(
                replace(made, predicate="(detail::INTEGER > 0)", fields=frozenset({"detail"})),
                replace(made, name="other"),
            )
        ),
        org.database,
    )
    org.ingest_events(broken, [event("e2", 1, app="a2", detail="secret")], "Login")

    assert {"new-app"} == org.failures.keys()
    assert "secret" not in org.failures["new-app"]
    assert {"other"} == {row[1] for row in org.read_rows(tables.rule_fingerprints)}


def test_a_bulk_job_that_goes_on_is_the_same_first(world):
    """Its record is made anew by every batch, has one uid and may begin earlier."""
    org = world()
    made = first_seen(types=("BulkJob",), key=("user_id", "entity"))
    for uid, hours in (("e1", 10), ("e2", 30), ("e3", 5)):
        row = event(uid, hours, job_id="750A", entity="Contact", operation="query")
        org.ingest_events(judge(org, made), [row], "BulkApi2")

    assert {f"job:{org.name}:750A"} == first_uids(org)
    assert [NOON + 5 * HOUR] == [match.time for match in org.active_matches.values()]
    ((_, _, start, _, last),) = org.read_rows(tables.first_seen_runs)
    assert start == last


def test_a_bulk_job_that_turns_out_to_be_of_another_kind_was_never_of_the_first(world):
    org = world()
    made = first_seen(types=("BulkJob",), key=("user_id", "entity"))
    jobs = [("e1", 0, "750A", "Contact"), ("e2", 20, "750B", "Contact"), ("e3", 30, "750C", "Lead")]
    for uid, hours, job, entity in jobs:
        row = event(uid, hours, job_id=job, entity=entity, operation="query")
        org.ingest_events(judge(org, made), [row], "BulkApi2")
    row = event("e4", 1, job_id="750A", entity="Lead", operation="query")
    org.ingest_events(judge(org, made), [row], "BulkApi2")

    assert {f"job:{org.name}:750A", f"job:{org.name}:750B"} == first_uids(org)


def test_a_login_that_is_told_again_in_other_words_was_always_of_these(world):
    """LoginEvent's word for the country counts, whoever told of the login before."""
    org, made = world(), first_seen(types=("SignIn",), key=("user_id", "country"))
    login = {"source_ip": "203.0.113.7"}
    history = event("h1", 30.0001, country="US", Id="0Ya1", **login)
    org.ingest_events(
        judge(org, made), [event("e0", 0, country="United States", **login)], "LoginEvent"
    )
    org.ingest_events(judge(org, made), [history], "LoginHistory")
    told = event("e1", 30, country="United States", LoginHistoryId="0Ya1", **login)
    before = set(org.active_matches)
    org.ingest_events(judge(org, made), [told], "LoginEvent")

    assert {f"login:{org.name}:e0", f"login:{org.name}:h1"} == before
    assert {f"login:{org.name}:e0"} == org.active_matches.keys()
    ((_, _, start, _, last),) = org.read_rows(tables.first_seen_runs)
    assert 30 * 3600 * 10**6 == last - start


def test_a_rule_about_every_type_looks_at_what_was_logged_alone(world):
    org, made = world(), first_seen(types=())
    org.ingest_events(judge(org, made), [event("e1", 0)], "Login")
    job = event("e2", 1, "u2", job_id="750A", operation="query")
    org.ingest_events(judge(org, made), [job, event("e3", 2)], "BulkApi2")

    assert {"e1", "e2"} == org.active_matches.keys()


# ---- laws

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 20).map(lambda number: number * 12),
        st.sampled_from(["u1", "u2", None]),
        st.sampled_from(["a1", "a2"]),
        st.sampled_from(["success", "success", "failure"]),
    ),
    min_size=1,
    max_size=12,
)


def slow(made, events, since):
    """The definition, word by word."""
    over = made.aggregation
    base = [
        (each["time"], each["event_uid"], tuple(each[name] for name in over.key))
        for each in events
        if each["outcome"] == "success" and None not in [each[name] for name in over.key]
    ]
    return {
        uid
        for time, uid, key in base
        if time >= since + over.learn
        and not any(
            key == other and (when, name) < (time, uid) and when >= time - over.forget
            for when, name, other in base
        )
    }


LAW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.slow
@LAW
@given(st.data(), EVENTS, st.sampled_from([1, 1.5, 2]), st.sampled_from([0, 2]))
def test_any_order_of_arrival_ends_with_the_same_matches(world, data, drawn, forget, learn):
    org, made = world(), first_seen(learn=learn * DAY, forget=forget * DAY)
    start = event("e", 0, outcome="failure")
    events = [event(f"e{n}", *values) for n, values in enumerate(drawn)]
    if learn:
        org.ingest_events(judge(org, made), [start], "Login")
    batches = list(draw_batches(data, events))
    for each in batches:
        org.ingest_events(judge(org, made), each, "Login")

    parts = org.select_parts(made, "Login")
    sql = first_seen_sql.select_matches(parts, since=NOON)
    pure = {row[0]: row[2] for row in org.connection.execute(sql).fetchall()}
    expected = slow(made, events, NOON)
    assert expected == pure.keys()
    assert expected == org.active_matches.keys()
    assert {uid: last and last.isoformat() for uid, last in pure.items()} == {
        uid: match.context[0]["last_seen"] for uid, match in org.active_matches.items()
    }
    grown = org.read_rows(tables.first_seen_runs)
    with org.database.begin() as connection:
        connection.execute(
            tables.rule_fingerprints.delete().where(tables.rule_fingerprints.c.org == org.name)
        )
    org.ingest_events(judge(org, made), [event("last", 0, outcome="failure")], "Login")
    assert org.read_rows(tables.first_seen_runs) == grown


SETS = st.lists(
    st.tuples(
        st.integers(0, 20).map(lambda number: number * 12),
        st.lists(st.sampled_from("ABC"), min_size=1, max_size=3).map(",".join),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@LAW
@given(st.data(), SETS)
def test_lists_in_any_order_end_with_the_same_matches(world, data, drawn):
    """For each member as if it had come alone."""
    org, made = world(), first_seen(key=("user_id", "entity"))
    sets = [event(f"e{n}", hours, entity=text) for n, (hours, text) in enumerate(drawn)]
    for each in draw_batches(data, sets):
        org.ingest_events(judge(org, made), each, "Login")

    expected = set()
    for member in "ABC":
        alone = [each | {"entity": member} for each in sets if member in each["entity"]]
        expected |= {(uid, member) for uid in slow(made, alone, NOON)}
    assert expected == {
        (match.event["event_uid"], match.context[0]["key"]["entity"])
        for match in org.active_matches.values()
    }


# No job lives longer than eight days.
JOBS = st.lists(
    st.tuples(
        st.integers(0, 15).map(lambda number: number * 12),
        st.sampled_from(["j1", "j2", "j3", "j4"]),
        st.sampled_from(["Lead", "Contact"]),
        st.sampled_from(["success", "success", "failure"]),
    ),
    min_size=1,
    max_size=10,
)


@pytest.mark.slow
@LAW
@given(st.data(), JOBS, st.sampled_from([1, 2]))
def test_records_that_change_end_with_the_same_matches(world, data, drawn, forget):
    """Of derived events the last state counts, as if it had been the first."""
    org = world()
    made = first_seen(types=("BulkJob", "Login"), key=("user_id", "entity"), forget=forget * DAY)
    events = [
        event(f"e{n}", hours, outcome=outcome, entity=entity, job_id=job, operation="query")
        for n, (hours, job, entity, outcome) in enumerate(drawn)
    ]
    for each in draw_batches(data, events):
        kind = "Login" if each[0]["job_id"] == "j4" else "BulkApi2"
        org.ingest_events(judge(org, made), each, kind)

    sql = first_seen_sql.select_matches(org.select_parts(made, "BulkJob", "Login"), since=NOON)
    assert {row[0] for row in org.connection.execute(sql).fetchall()} == first_uids(org)
