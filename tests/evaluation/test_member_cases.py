"""Severity, title and dedup key of correlations, by the events of their windows."""

from __future__ import annotations

import pytest

from collector import engine
from collector.api.alert_evidence import ExplainContext
from collector.api.alert_explanation import explain_alert
from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

RULES = """\
title: Login
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: login
level: low
logsource: {product: salesforce, service: Login}
detection: {s: {user_id|exists: true}, condition: s}
---
title: Export
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: export
level: low
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {user_id|exists: true}, condition: s}
---
title: Two logins
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000003
name: logins
level: low
correlation:
  {type: event_count, rules: [login], group-by: [source_ip], timespan: 1h, condition: {gte: 2}}
---
title: Logins and exports
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000004
name: chain
level: low
correlation: {type: temporal, rules: [logins, export], group-by: [user_id], timespan: 1h}
collector:
  title: "{user_id}: {OPERATION_TYPE|LOGIN_STATUS|nothing}"
  dedup: {key: [source_ip]}
  severity:
    - {field: record_count, gte: 1000, level: critical}
    - {when: export, field: entity, eq: contact, members: all, level: high}
    - {when: logins, field: event_count, gte: 3, level: medium}
"""


USER = "005000000000001AAA"
TIMES = [f"2026-03-02T10:0{n}:00.000Z" for n in range(9)]


def list_logins():
    return [
        build_login_row(TIMESTAMP_DERIVED=at, USER_ID=USER, SOURCE_IP="198.51.100.1")
        for at in TIMES[:2]
    ]


def list_exports(exports):
    return [
        build_bulk_row(
            f"750{number:012}AAA",
            records,
            TIMESTAMP_DERIVED=at,
            USER_ID=USER,
            ENTITY_TYPE=entity,
        )
        for number, ((records, entity), at) in enumerate(zip(exports, TIMES[3:], strict=False))
    ]


def tell(bench, exports):
    """The alerts of a user who has logged in twice, which is known last, and then exported."""
    batches = (("BulkApi2", list_exports(exports)), ("Login", list_logins()))
    for event_type, rows in batches:
        key = event_type.lower().ljust(32, "0")
        bench.pipeline.ingest(bench.write_batch(event_type, rows, key=key, record_prefix=key))
    return [alert for alert in bench.list_alerts() if alert.rule == "chain"]


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(RULES, encoding="utf-8")
    return load_rule_set([path], schema=EVENT_SCHEMA)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exports", "severity"),
    [
        ([(5000, "Account"), (1, "Contact")], "critical"),
        ([(1, "Account"), (5, "Contact")], "medium"),
        ([(5, "Account")], "low"),
    ],
)
def test_the_severity_asks_for_any_event_or_all_of_them(rules, tmp_path, exports, severity):
    with open_pipeline_bench(tmp_path, rules=rules) as bench:
        assert severity == str(max(alert.severity for alert in tell(bench, exports)))


def test_title_and_key_are_of_the_event_and_the_case_is_explained(rules, tmp_path):
    with open_pipeline_bench(tmp_path, rules=rules) as bench:
        by_key = {alert.key: alert for alert in tell(bench, [(5, "Contact"), (1, "Contact")])}
        with bench.database.read() as state, engine.open_engine() as connection:
            ground = ExplainContext(
                state=state,
                engine=connection,
                archive=bench.places.archive,
                rules=rules,
                schema=EVENT_SCHEMA,
            )
            account = explain_alert(ground, by_key["203.0.113.7",], limit=5)

    assert {("203.0.113.7",), ("198.51.100.1",)} == by_key.keys()
    assert "high" == str(by_key["203.0.113.7",].severity)
    assert f"{USER}: query" == by_key["203.0.113.7",].title
    (ladder, *_) = account.window_severities.values()
    assert [
        (False, "record_count ≥ 1000"),
        (True, "export and entity of every event = contact"),
    ] == [(case.holds, case.text) for case in ladder.cases[:2]]
