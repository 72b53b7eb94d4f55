"""What must not come, exported: SQL says up to when, Sigma needs names that it can read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector import engine
from collector.detect.export import sigma, sql
from collector.detect.loader import load_rule_set
from collector.normalize import DERIVED_EVENT_TYPES
from collector.rules.rule_files import EVENT_SCHEMA

RULES = """\
title: Failed
id: 00000000-0000-4000-8000-000000000001
name: FAILED
level: low
logsource: {product: salesforce, service: Login}
detection: {s: {outcome: failure}, condition: s}
---
title: Export
id: 00000000-0000-4000-8000-000000000002
name: export
level: low
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {outcome: success}, condition: s}
---
title: Failed, and then no export
id: 00000000-0000-4000-8000-000000000003
name: waiting
level: high
correlation:
  type: temporal_ordered
  rules: [FAILED, 00000000-0000-4000-8000-000000000002]
  group-by: [user_id]
  timespan: 1h
  condition: not 00000000-0000-4000-8000-000000000002 and FAILED
"""
EVENTS = [
    ("a", "Login", "10:00", "ada", "failure"),
    ("b", "Login", "10:10", "bob", "failure"),
    ("c", "BulkApi2", "10:40", "bob", "success"),
    ("d", "Login", "10:50", "eve", "failure"),
    ("e", "Login", "11:30", "fay", "success"),
]


@pytest.fixture
def load(tmp_path):
    def load_named(name):
        path = tmp_path / "rules.yml"
        path.write_text(RULES.replace("FAILED", name), encoding="utf-8")
        return load_rule_set([path], schema=EVENT_SCHEMA)

    return load_named


def test_sql_finds_windows_that_ended_before_the_newest_event(load):
    table = sql.EventTable(schema=EVENT_SCHEMA, derived_types=DERIVED_EVENT_TYPES, dialect="duckdb")
    texts = {each.rule: each.text for each in sql.export_rules(load("fail-ed"), table)}
    typed = [f"CAST(NULL AS {kind}) AS {name}" for name, kind in EVENT_SCHEMA.column_types.items()]
    rows = ", ".join(
        f"('{uid}', '{kind}', TIMESTAMPTZ '2026-03-01 {time}:00+00', '{user}', '{outcome}')"
        for uid, kind, time, user, outcome in EVENTS
    )
    with engine.open_engine() as connection:
        connection.execute(f"CREATE TABLE events AS SELECT {', '.join(typed)} WHERE FALSE")
        connection.execute(
            "INSERT INTO events BY NAME SELECT *, time AS received FROM"
            f" (VALUES {rows}) AS t(event_uid, event_type, time, user_id, outcome)"
        )
        found = connection.execute(texts["waiting"]).fetchall()

    assert [row[:2] for row in found] == [("high", "a")]
    assert "windows that end after the newest event of the view are left out" in texts["waiting"]


def test_sigma_has_the_condition_where_it_can_read_the_names(load):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    (waiting,) = (e for e in sigma.export_rules(load("failed"), at=at) if e.rule == "waiting")
    assert "condition: failed and not export" in waiting.text

    (waiting,) = (e for e in sigma.export_rules(load("fail-ed"), at=at) if e.rule == "waiting")
    assert waiting.text == ""
    assert waiting.reason == (
        "its condition names fail-ed, and other tools read only names of letters, digits and _"
        " there"
    )
