"""Running rules over events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from collector import engine
from collector.detect import RuleSet
from collector.evaluation.rule_matcher import PAGE_SIZE, RuleMatcher
from collector.model import Severity, SeverityCase

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
COLUMNS = {
    "event_uid": "VARCHAR",
    "org": "VARCHAR",
    "event_type": "VARCHAR",
    "time": "TIMESTAMPTZ",
    "received": "TIMESTAMPTZ",
    "user_id": "VARCHAR",
    "source_ip": "VARCHAR",
    "record_count": "BIGINT",
    "operation": "VARCHAR",
    "LOGIN_STATUS": "VARCHAR",
}


@pytest.fixture
def db():
    with engine.open_engine() as connection:
        names = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
        connection.execute(f"CREATE TABLE stored ({names})")
        yield connection


def store(db, *events):
    for number, event in enumerate(events):
        row = {
            "event_uid": f"e{number}",
            "org": "acme",
            "event_type": "Login",
            "time": NOON + timedelta(minutes=number),
            "received": NOON + timedelta(hours=1),
            **event,
        }
        marks = ", ".join("?" * len(COLUMNS))
        db.execute(f"INSERT INTO stored VALUES ({marks})", [row.get(name) for name in COLUMNS])


def run(matcher, db, *, relation="stored", columns=COLUMNS, event_type="Login"):
    return list(
        matcher.find_matches(
            db, relation=relation, columns=frozenset(columns), event_type=event_type, org="acme"
        )
    )


def detection(**item):
    return {"detection": {"s": item, "condition": "s"}}


def test_a_match_says_who_when_and_how_bad(db, rules):
    rule = {
        "detection": {"s": {"operation": "query"}, "t": {"user_id": "005*"}, "condition": "s"},
        "collector": {
            "severity": [
                {"when": "t", "field": "record_count", "gte": 100, "level": "critical"},
                {"field": "record_count", "gte": 0, "level": "low"},
            ],
            "title": "{operation} of {record_count:,|unknown} by {user_id}",
            "dedup": {"key": ["user_id"]},
        },
    }
    store(
        db,
        {"operation": "Query", "user_id": "0051", "record_count": 1500, "source_ip": "10.0.0.1"},
        {"operation": "query", "user_id": "0061", "record_count": 1500},
        {"operation": "QUERY", "user_id": "0051"},
        {"operation": "insert", "user_id": "0051"},
    )

    first, second, third = run(RuleMatcher(rules(rule)), db)

    assert ("acme", "rule-0", "e0") == (first.org, first.rule, first.event_uid)
    assert (NOON, NOON + timedelta(hours=1)) == (first.time, first.received)
    assert [Severity.CRITICAL, Severity.LOW, Severity.MEDIUM] == [
        match.severity for match in (first, second, third)
    ]
    assert "Query of 1,500 by 0051" == first.title
    assert "QUERY of unknown by 0051" == third.title
    assert ("0051",) == first.key
    assert {"user_id": "0051", "source_ip": "10.0.0.1"} == first.entities


def test_the_event_is_the_row_without_what_it_does_not_have(db, rules):
    store(db, {"user_id": "005"})

    (match,) = run(RuleMatcher(rules(detection(user_id="005"))), db)

    assert {
        "event_uid": "e0",
        "org": "acme",
        "event_type": "Login",
        "time": NOON,
        "received": NOON + timedelta(hours=1),
        "user_id": "005",
    } == match.event
    assert UTC is match.event["time"].tzinfo


def test_matches_come_in_the_order_of_time_whatever_the_order_of_rows(db, rules):
    store(
        db,
        {"user_id": "1", "time": NOON, "event_uid": "b"},
        {"user_id": "1", "time": NOON - timedelta(days=1), "event_uid": "c"},
        {"user_id": "1", "time": NOON, "event_uid": "a"},
    )

    found = run(RuleMatcher(rules(detection(user_id="1"))), db)

    assert ["c", "a", "b"] == [match.event_uid for match in found]


def test_more_matches_than_a_page_all_come_once(db, rules):
    count = 2 * PAGE_SIZE + 7
    db.execute(
        "INSERT INTO stored (event_uid, time, received, user_id) "
        f"SELECT 'e' || n, now(), now(), '005' FROM range({count}) AS t(n)"
    )

    found = [match.event_uid for match in run(RuleMatcher(rules(detection(user_id="005"))), db)]

    assert {f"e{n}" for n in range(count)} == set(found)
    assert count == len(found)


def test_every_rule_sees_every_event(db, rules):
    """What one rule finds is found by the others too; nobody consumes an event."""
    store(db, {"user_id": "1", "operation": "x"}, {"user_id": "2"})
    matcher = RuleMatcher(
        rules(detection(user_id="1"), detection(operation="x"), detection(user_id="3"))
    )

    assert [("rule-0", "e0"), ("rule-1", "e0")] == [(m.rule, m.event_uid) for m in run(matcher, db)]


def test_a_rule_looks_at_its_own_types_alone(db, rules):
    store(db, {"user_id": "1"})
    loaded = rules(
        {**detection(user_id="1"), "logsource": {"product": "salesforce", "service": "Login"}},
        {**detection(user_id="1"), "collector": {"event_types": ["ApiEvent", "BulkJob"]}},
        detection(user_id="1"),
    )

    def found(event_type):
        return [match.rule for match in run(RuleMatcher(loaded), db, event_type=event_type)]

    assert ["rule-0", "rule-2"] == found("Login")
    assert ["rule-1", "rule-2"] == found("BulkJob")
    assert ["rule-2"] == found("SomethingNew")


def test_a_column_that_the_data_lacks_is_null(db, rules):
    """A rule over a column that this org's files do not have finds nothing, and its NOT all."""
    store(db, {"user_id": "1"})
    columns = {name: kind for name, kind in COLUMNS.items() if name != "LOGIN_STATUS"}
    relation = "(SELECT * EXCLUDE (LOGIN_STATUS) FROM stored)"
    positive = detection(LOGIN_STATUS="x")
    negative = {"detection": {"s": {"LOGIN_STATUS": "x"}, "condition": "not s"}}

    found = run(RuleMatcher(rules(positive, negative)), db, relation=relation, columns=columns)

    assert ["rule-1"] == [match.rule for match in found]
    assert "LOGIN_STATUS" not in found[0].event


def test_each_type_is_asked_in_its_own_column(rules):
    """`Operation` is the canonical column for jobs and a native one for API events."""
    loaded = rules(
        {
            **detection(Operation="x"),
            "collector": {
                "event_types": ["ApiEvent", "BulkJob"],
                "title": "{Operation}",
                "dedup": {"key": ["Operation"]},
            },
        }
    )
    (of_events,), (of_jobs,) = loaded.select_by_type("ApiEvent"), loaded.select_by_type("BulkJob")

    assert ("raw_Operation", "operation") == (of_events.dedup_key[0], of_jobs.dedup_key[0])
    assert ("{raw_Operation}", "{operation}") == (of_events.title, of_jobs.title)
    assert '"raw_Operation"' in of_events.predicate
    assert '"operation"' in of_jobs.predicate
    assert loaded.rules == (of_events,)


def test_a_rule_that_fails_stops_no_other_and_says_why(db, rules):
    store(db, {"user_id": "1", "operation": "secret'text"})
    loaded = rules(detection(user_id="1"), detection(user_id="1"))
    broken = replace(loaded.rules[0], predicate='CAST("operation" AS INTEGER) = 1')
    matcher = RuleMatcher(RuleSet(rules=(broken, loaded.rules[1])))

    found = run(matcher, db)

    assert ["rule-1"] == [match.rule for match in found]
    assert {"rule-0"} == matcher.failures.keys()
    assert "ConversionException" in matcher.failures["rule-0"]
    assert "secret" not in matcher.failures["rule-0"]
    assert "text" not in matcher.failures["rule-0"]


def test_a_rule_that_fails_after_the_first_candidate_stops_no_other(db, rules):
    """The failing event may come long after the question whether there is any candidate."""
    db.execute(
        "INSERT INTO stored (event_uid, time, received, user_id, operation) SELECT 'e' || n, "
        "now(), now(), if(n % 100000 = 0, '1', '2'), if(n = 299999, 'x', '0') "
        "FROM range(300000) AS t(n)"
    )
    loaded = rules(detection(user_id="1"), detection(user_id="1"))
    broken = replace(loaded.rules[0], predicate='CAST("operation" AS INTEGER) = 1')
    matcher = RuleMatcher(RuleSet(rules=(broken, loaded.rules[1])))

    assert ["rule-1"] * 3 == [match.rule for match in run(matcher, db)]
    assert {"rule-0"} == matcher.failures.keys()


def test_a_rule_that_fails_over_its_own_candidates_stops_no_other(db, rules):
    store(db, {"user_id": "1", "operation": "x"})
    loaded = rules(detection(user_id="1"), detection(user_id="1"))
    case = SeverityCase(predicate='CAST("operation" AS INTEGER) = 1', level=Severity.LOW)
    sick = replace(loaded.rules[0], severity_cases=(case,))
    matcher = RuleMatcher(RuleSet(rules=(sick, loaded.rules[1])))

    assert ["rule-1"] == [match.rule for match in run(matcher, db)]
    assert {"rule-0"} == matcher.failures.keys()


def test_a_relation_that_cannot_be_read_is_no_rule_s_fault(db, rules, tmp_path):
    damaged = tmp_path / "x.parquet"
    damaged.write_bytes(b"PAR1 but not really PAR1")
    matcher = RuleMatcher(rules(detection(user_id="1")))

    with pytest.raises(duckdb.Error):
        run(matcher, db, relation=f"read_parquet('{damaged}')")

    assert {} == matcher.failures


def test_the_connection_is_free_between_two_matches_and_clean_afterwards(db, rules):
    store(db, {"user_id": "1"}, {"user_id": "1"})
    matcher = RuleMatcher(rules(detection(user_id="1")))
    found = []
    for match in matcher.find_matches(
        db, relation="stored", columns=frozenset(COLUMNS), event_type="Login", org="acme"
    ):
        found.append(match.event_uid)
        db.execute("SELECT 42").fetchall()

    assert ["e0", "e1"] == found
    assert [] == db.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()


def test_whoever_stops_early_leaves_nothing_behind(db, rules):
    store(db, {"user_id": "1"}, {"user_id": "1"})
    matcher = RuleMatcher(rules(detection(user_id="1")))
    matches = matcher.find_matches(
        db, relation="stored", columns=frozenset(COLUMNS), event_type="Login", org="acme"
    )

    assert "e0" == next(matches).event_uid
    matches.close()

    assert [] == db.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()


def test_an_event_may_hold_any_text(db, rules):
    """Values of an event reach a match as they are, and never the SQL."""
    hostile = "'; DROP TABLE stored; --\n{user_id}\u202e"
    store(db, {"user_id": hostile, "operation": "x"})
    rule = {**detection(operation="x"), "collector": {"title": "by {user_id}"}}

    (match,) = run(RuleMatcher(rules(rule)), db)

    assert hostile == match.event["user_id"]
    assert f"by {hostile}" == match.title
    assert hostile == match.entities["user_id"]


def test_rules_find_together_what_each_finds_alone(db, rules):
    """What rules share is computed once for all of them, and nobody finds more or less for it."""
    texts = ["Straße", "STRASSE", "İstanbul", "istanbul", 'lower("user_id")', "it's", '"', None]
    store(db, *({"user_id": text, "operation": text} for text in texts))
    values = ["straße", "i*", "*STAN*", 'LOWER("user_id")', "it's*", "*'*", '*"*', "?"]
    documents = [
        *(detection(user_id=value) for value in values),
        *(detection(operation=value) for value in values),
        *(detection(**{"user_id|cased": value}) for value in values),
    ]
    loaded = rules(*documents)
    alone = [
        (match.rule, match.event_uid)
        for rule in loaded.rules
        for match in run(RuleMatcher(RuleSet(rules=(rule,))), db)
    ]

    assert alone == [(match.rule, match.event_uid) for match in run(RuleMatcher(loaded), db)]
    assert {"e4"} == {uid for rule, uid in alone if rule in {"rule-3", "rule-11"}}


def test_of_two_events_with_one_uid_the_one_that_fits_is_found(db, rules):
    store(db, {"event_uid": "e", "user_id": "1"}, {"event_uid": "e", "user_id": "2"})

    (match,) = run(RuleMatcher(rules(detection(user_id="2"), detection(user_id="3"))), db)

    assert "2" == match.event["user_id"]
