"""Rules as SQL over the archive: one statement each, which finds what the rule means."""

from __future__ import annotations

import duckdb
import pytest

from collector.detect import loader
from collector.detect.export.sql import ARCHIVE_PLACEHOLDER, EventTable, export_rules
from collector.escaping import quote_identifier, quote_literal

ROWS = (
    # uid, org, type, minute, user, operation, count, native columns
    ("e1", "acme", "ApiEvent", 0, "ada", "query", 5, {"RowsProcessed": "5"}),
    ("e2", "acme", "ApiEvent", 1, "ada", "query", 500, {"RowsProcessed": "500"}),
    ("e3", "acme", "Login", 2, "ada", "login", None, {}),
    ("e4", "acme", "Login", 3, "bob", "login", None, {}),
    ("e5", "other", "ApiEvent", 0, "ada", "query", 500, {}),
    ("e6", "acme", "ApiEvent", 90, "ada", "query", 7000, {}),
)


class Jobs:
    """A type that is computed: one event for each user who has called the API."""

    source_types = ("ApiEvent",)
    required_columns = ("user_id",)

    def __init__(self, canonical):
        self._canonical = canonical
        self.columns = frozenset(canonical)

    def build_select(self, relation):
        own = {"event_uid": "'job:' || user_id", "user_id": "user_id", "event_type": "'BulkJob'"}
        columns = ", ".join(
            f"CAST({own.get(name, f'any_value({name})')} AS {kind}) AS {name}"
            for name, kind in self._canonical.items()
        )
        return f"SELECT {columns} FROM {relation} GROUP BY user_id"


@pytest.fixture
def folder(tmp_path, schema):
    """An archive as the collector lays it out, with no more columns than its events have."""
    with duckdb.connect() as connection:
        for uid, org, kind, minute, user, operation, count, natives in ROWS:
            values = {
                "event_uid": uid,
                "org": org,
                "event_type": kind,
                "time": "2026-03-01 00:00:00+00:00",
                "received": "2026-03-01 06:00:00+00:00",
                "user_id": user,
                "operation": operation,
                "record_count": None if count is None else str(count),
            }
            columns = [
                f"CAST({_literal(values.get(name))} AS {type_}) AS {quote_identifier(name)}"
                for name, type_ in schema.column_types.items()
            ]
            columns += [f"'{value}' AS {quote_identifier(name)}" for name, value in natives.items()]
            path = tmp_path / "archive" / f"org={org}" / f"event_type={kind}" / "date=2026-03-01"
            path.mkdir(parents=True, exist_ok=True)
            moved = f'* REPLACE ("time" + INTERVAL {minute} MINUTE AS "time")'
            connection.execute(
                f"COPY (SELECT {moved} FROM (SELECT {', '.join(columns)}))"
                f" TO {quote_literal(str(path / f'{uid}.parquet'))} (FORMAT parquet)"
            )
    return tmp_path / "archive"


def _literal(value):
    return "NULL" if value is None else quote_literal(value)


@pytest.fixture
def exported(rules, schema):
    """The SQL of rules, by their names."""

    def export(*documents, dialect="duckdb", loaded=None):
        derived = {"BulkJob": Jobs(schema.column_types)}
        archive = EventTable(schema=schema, derived_types=derived, dialect=dialect)
        return {each.rule: each.text for each in export_rules(loaded or rules(*documents), archive)}

    return export


@pytest.fixture
def run(folder):
    """The rows of a statement over the archive, each a mapping, in the order of their events."""

    def of(text):
        (view,) = [line for line in text.splitlines() if line.startswith("-- CREATE VIEW")]
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(
                view[3:].replace(ARCHIVE_PLACEHOLDER, str(folder)).replace("'ORG'", "'acme'")
            )
            result = connection.execute(text)
            names = [column[0] for column in result.description]
            found = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        return sorted(found, key=lambda row: str(row.get("event_uid")))

    return of


def found(rows):
    return {row["event_uid"]: row["severity"] for row in rows}


def document(selection, block=None, service="ApiEvent", **more):
    logsource = {"product": "salesforce"} | ({"service": service} if service else {})
    return {
        "logsource": logsource,
        "detection": {"a": selection, "condition": "a"},
        "collector": block or {},
        **more,
    }


def test_a_rule_finds_its_events_in_one_org_with_their_severity(exported, run):
    cases = [{"field": "record_count", "gte": 100, "level": "high"}]
    sql = exported(document({"operation": "query"}, {"severity": cases}))["rule-0"]

    assert {"e1": "medium", "e2": "high", "e6": "high"} == found(run(sql))
    assert {"e1": "medium"}.keys() <= found(
        run(exported(document({"user_id": "ada"}))["rule-0"])
    ).keys()


def test_steps_count(exported, run):
    block = {"severity_step": [{"field": "record_count", "gte": 100, "add": 2}]}
    sql = exported(document({"operation": "query"}, block))["rule-0"]

    assert {"e1": "medium", "e2": "critical", "e6": "critical"} == found(run(sql))


def test_a_column_that_no_file_has_is_null(exported, run):
    sql = exported(document({"Query|exists": False, "RowsProcessed": "500"}))["rule-0"]
    (row,) = run(sql)

    assert ("e2", None, "500") == (row["event_uid"], row["raw_Query"], row["RowsProcessed"])


def test_types_that_keep_a_field_in_different_columns_are_asked_for_each_by_its_own(exported, run):
    """`Operation` is raw_Operation of ApiEvent, and operation of BulkJob."""
    block = {"event_types": ["ApiEvent", "BulkJob", "Login"]}
    sql = exported(document({"Operation|exists": True}, block, service=None))["rule-0"]

    assert {"job:ada": "medium"} == found(run(sql))
    assert "raw_Operation" in sql


def test_a_rule_over_every_type_sees_every_type(exported, run):
    sql = exported(document({"user_id": "ada"}, service=None))["rule-0"]

    assert {"e1", "e2", "e3", "e6"} == found(run(sql)).keys()


SEQUENCE = """\
logsource: {product: salesforce, service: ApiEvent}
detection:
  a: {operation: query}
  condition: a
---
title: Query and login
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a02
name: sequence
level: high
correlation:
  type: temporal
  rules: [a-rule, login]
  group-by: [user]
  aliases: {user: {a-rule: user_id, login: user_id}}
  timespan: 5m
---
title: Login
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a03
name: login
level: low
logsource: {product: salesforce, service: Login}
detection:
  a: {user_id|exists: true}
  condition: a
"""


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_a_correlation_finds_the_events_of_its_windows(exported, run, rule_file, schema, dialect):
    loaded = loader.load_rule_set([rule_file(SEQUENCE)], schema=schema)
    text = exported(loaded=loaded, dialect=dialect)["sequence"]

    if dialect == "duckdb":
        expected = {"e1": "informational", "e2": "informational", "e3": "high"}
        assert expected == found(run(text))
    else:
        assert "TEMP VIEW" not in text
        assert "OVER" in text


def test_what_is_first_seen_is_found_after_the_archive_has_begun(exported, run):
    block = {
        "first_seen": {"key": ["user_id", "operation"], "learn": "1m", "forget": "1d"},
        "event_types": ["ApiEvent", "Login"],
    }
    rows = run(exported(document({"user_id|exists": True}, block, service=None))["rule-0"])

    assert {"e3": "medium", "e4": "medium"} == found(rows)
    assert all(row["last_seen"] is None for row in rows)


REMEMBERING = """\
logsource: {product: salesforce}
detection:
  a: {user_id|exists: true}
  condition: a
collector:
  event_types: [ApiEvent, Login]
  first_seen: {key: [user_id, operation], learn: 1m, forget: 1d}
---
title: Much
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a03
name: much
level: low
logsource: {product: salesforce, service: ApiEvent}
detection:
  a: {operation: query}
  condition: a
collector:
  baseline:
    {metric: sum, field: record_count, group_by: [user_id], window: 1h, history: 1d, minimum: 1}
---
title: New, and much
id: 0d9ff9fb-6f0f-4c55-9f0b-2b7f3d1c9a02
name: new-and-much
level: high
correlation: {type: temporal, rules: [a-rule, much], group-by: [user_id], timespan: 2h}
"""


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_a_correlation_over_rules_with_a_past_has_their_matches(
    exported, run, rule_file, schema, dialect
):
    """e3 is new for ada, e6 is much of hers; nothing of bob's is much."""
    loaded = loader.load_rule_set([rule_file(REMEMBERING)], schema=schema)
    text = exported(loaded=loaded, dialect=dialect)["new-and-much"]

    if dialect == "duckdb":
        assert {"e3": "informational", "e6": "high"} == found(run(text))
    else:
        assert "EXCEPT" not in text


def test_a_window_that_is_unusual_is_found(exported, run):
    block = {
        "baseline": {
            "metric": "sum",
            "field": "record_count",
            "group_by": ["user_id"],
            "window": "1h",
            "history": "1d",
            "minimum": 1,
        },
        "severity": [{"field": "metric", "gte": 5000, "level": "critical"}],
    }
    (row,) = run(exported(document({"operation": "query"}, block))["rule-0"])

    assert ("critical", "ada", 7000.0, 505.0) == tuple(
        row[name] for name in ("severity", "user_id", "metric", "mean")
    )


def test_a_window_that_is_unusual_among_its_peers_is_found(exported, run):
    over = {"metric": "sum", "field": "record_count", "group_by": ["RowsProcessed"]}
    compared = {"window": "1d", "peers": "operation", "minimum": 1, "times_mean": 2}
    block = {"baseline": {**over, **compared}}
    (row,) = run(exported(document({"operation": "query"}, block))["rule-0"])

    assert ("query", 500.0, 1, 5.0) == tuple(
        row[name] for name in ("operation", "metric", "history", "mean")
    )


def test_comments_cannot_be_left_by_what_a_rule_says(exported, run):
    sql = exported(document({"user_id": "nobody"}, title="A\nDROP TABLE events; -- \u2028x"))[
        "rule-0"
    ]

    assert all(line.startswith("-- ") for line in sql.splitlines()[:4])
    assert [] == run(sql)


@pytest.mark.parametrize(
    "block",
    [
        {},
        {"first_seen": {"key": ["user_id"], "learn": "1d", "forget": "1d"}},
        {"baseline": {"metric": "count", "group_by": ["user_id"], "window": "1h", "history": "1d"}},
    ],
)
def test_spark_is_told_in_its_own_words(exported, block):
    sql = exported(document({"Query": "x"}, block), dialect="spark")["rule-0"]

    assert "spark.read.option('mergeSchema', 'true').parquet(" in sql
    assert "add what no file has yet to the view, as NULL: raw_Query" in sql
    assert "`raw_Query`" in sql
    assert "BY NAME" not in sql


def test_spark_is_told_texts_one_by_one_however_many_there_are(exported):
    """Of IN (SELECT …) it would make a join."""
    names = [f"it's-{number}" for number in range(60)]
    ladder = {"severity": [{"when": "a", "level": "high"}]}

    sql = exported(document({"user_id": [*names, "Ä"]}, ladder), dialect="spark")["rule-0"]
    assert "EXPLODE" not in sql
    assert all(f"'it\\'s-{number}'" in sql for number in range(60))
