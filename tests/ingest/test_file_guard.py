"""A damaged file of the archive costs its own events: rules go on over all the others."""

import os

import pytest

from collector import clock
from collector.collection.local_files import build_batch
from collector.csv_segments import write_records
from collector.detect.loader import load_rule_set
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import alerts, damaged_files, rule_status
from fakes.model_samples import NOON

RULE = """
title: Failed sign-ins
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000001
name: failed
level: medium
logsource: {product: salesforce}
detection: {failed: {outcome: failure}, condition: failed}
collector: {event_types: [SignIn], dedup: {key: [user_id], window: 1h}}
---
title: Failed twice
id: 0d9ff9fb-6f0f-4c55-9f0b-000000000002
name: failed-twice
level: high
correlation:
  type: event_count
  rules: [failed]
  group-by: [user_id]
  timespan: 1h
  condition: {gte: 2}
  generate: true
"""


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(RULE)
    with open_temporary_pipeline(load_rule_set([path], schema=EVENT_SCHEMA)) as opened:
        yield opened


def ingest(bench, event_type, name, record):
    segments = write_records(bench.paths.spool, name, tuple(record), [record])
    batch = build_batch(event_type, segments, org="acme", identity=name, received=NOON)
    return bench.pipeline.ingest(batch)


def build_login(minute):
    return {
        "TIMESTAMP_DERIVED": f"2026-03-01T10:{minute:02}:00.000Z",
        "USER_ID_DERIVED": "0055f00000HyJSwAAN",
        "SOURCE_IP": "203.0.113.7",
        "LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD",
    }


def build_history(minute):
    return {
        "Id": f"0Ya0000000000{minute:02}AAA",
        "LoginTime": f"2026-03-01T10:{minute:02}:00.000+0000",
        "UserId": "0055f00000HyJSwAAN",
        "SourceIp": "203.0.113.7",
        "Status": "Invalid Password",
    }


def zero(path):
    path.write_bytes(b"\0" * path.stat().st_size)


def turn_into_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.unlink(), marks=pytest.mark.slow),
        pytest.param(zero, marks=pytest.mark.slow),
        turn_into_pipe,
    ],
    ids=["gone", "zeros", "a pipe, which no reader would come back from"],
)
def test_a_broken_file_of_one_type_stops_no_rule_over_it_and_another(bench, damage):
    ingest(bench, "Login", "one", build_login(1))
    (path,) = (bench.paths.state_dir / "archive").rglob("*.parquet")
    damage(path)

    ingest(bench, "LoginHistory", "two", build_history(5))
    ingest(bench, "Login", "three", build_login(9))

    with bench.database.read() as connection:
        found = {(one.rule, one.count) for one in alerts.list_alerts(connection)}
        (damaged,) = damaged_files.list_damaged_files(connection)
        assert [] == rule_status.list_faults(connection)
    assert {("failed", 3), ("failed-twice", 2)} == found
    assert str(path).endswith(damaged.file.path)
    assert clock.now() >= damaged.since
