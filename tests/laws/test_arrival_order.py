"""Whatever the order in which the same batches come, the same alerts are there in the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import engine
from collector.detect import load_rule_set
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.model import AlertStatus
from collector.rules.rule_files import EVENT_SCHEMA
from fakes.databases import open_sqlite_state
from fakes.pipeline_bench import PipelineBench, build_bulk_row, build_login_row

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HISTORY = START - timedelta(days=40)
USERS = [f"00500000000000{n}AAA" for n in range(3)]
ADDRESSES = ["203.0.113.7", "203.0.113.8", "198.51.100.1"]

RULES = Path(__file__).with_name("arrival_order.yml")

minutes = st.integers(0, 150)
users = st.sampled_from(USERS)


def at(minute):
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


logins = st.builds(
    lambda minute, user, address, status: (
        "Login",
        build_login_row(
            TIMESTAMP_DERIVED=at(minute), USER_ID=user, SOURCE_IP=address, LOGIN_STATUS=status
        ),
    ),
    minutes,
    users,
    st.sampled_from(ADDRESSES),
    st.sampled_from(["LOGIN_NO_ERROR", "LOGIN_ERROR_INVALID_PASSWORD"]),
)
exports = st.builds(
    lambda minute, user, records, job: (
        "BulkApi2",
        build_bulk_row(f"750{job:012}AAA", records, TIMESTAMP_DERIVED=at(minute), USER_ID=user),
    ),
    minutes,
    users,
    st.sampled_from([0, 50, 150, 300, 900]),
    st.integers(0, 10_000),
)
files = st.lists(st.lists(logins | exports, min_size=1, max_size=6), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def rules():
    return load_rule_set([RULES], schema=EVENT_SCHEMA)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files, st.data())
def test_alerts_do_not_depend_on_the_order_of_arrival(rules, files, data):
    order = data.draw(st.permutations(range(len(files))))

    assert told(rules, files, sorted(order)) == told(rules, files, order)


def test_the_law_is_about_something(rules):
    """Each of the rules has something to say to events like those of the law."""
    failures = [("Login", failed(minute)) for minute in (1, 2, 3, 4)]
    entry = [("Login", failed(6, LOGIN_STATUS="LOGIN_NO_ERROR", SOURCE_IP="198.51.100.1"))]
    other = [("Login", failed(3, USER_ID=USERS[2]))]
    taken = [
        ("BulkApi2", build_bulk_row(f"750{n:012}AAA", records, TIMESTAMP_DERIVED=at(minute)))
        for n, (minute, records) in enumerate([(0, 50), (20, 60), (40, 50), (70, 5000)])
    ]
    said = {rule for rule, *_ in told(rules, [failures, entry, other, taken], [3, 1, 0, 2])}

    assert said == {rule.name for rule in rules.rules if rule.raises_alert}


def failed(minute, **changes):
    values = {"USER_ID": "005000000000001AAA", "LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD"}
    return build_login_row(TIMESTAMP_DERIVED=at(minute), **{**values, **changes})


def told(rules, files, order):
    """What is told in the end of files that come in an order, each with its own late time."""
    with TemporaryDirectory() as directory:
        places = StatePaths(state_dir=Path(directory))
        places.create_folders()
        database = open_sqlite_state(places.state_dir)
        connection = engine.open_engine(places.spool)
        pipeline = Pipeline(database=database, connection=connection, paths=places, rules=rules)
        bench = PipelineBench(places=places, database=database, pipeline=pipeline)
        # How far the history goes back decides what is still learned: it is there from the start.
        for event_type, row in (
            ("Login", build_login_row()),
            ("BulkApi2", build_bulk_row("750000000000000AAA", 1)),
        ):
            early = {**row, "TIMESTAMP_DERIVED": HISTORY.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
            take(bench, event_type, [early], f"history-{event_type}", START, log_time=HISTORY)
        for number in order:
            received = START + timedelta(hours=3 + number)
            for event_type in ("Login", "BulkApi2"):
                rows = [row for kind, row in files[number] if kind == event_type]
                if rows:
                    take(bench, event_type, rows, f"{number}-{event_type}", received)
        # That something was thought to be new for a while is the only trace of the order.
        found = sorted(
            summary(alert) for alert in bench.list_alerts() if alert.status != AlertStatus.WITHDRAWN
        )
        connection.close()
        database.close()
    return found


def take(bench, event_type, rows, key, received, *, log_time=START):
    batch = bench.write_batch(event_type, rows, key=key, record_prefix=key)
    bench.pipeline.ingest(replace(batch, received=received, log_time=log_time))


def summary(alert):
    return (
        alert.rule,
        alert.key,
        alert.status,
        alert.first_time,
        alert.last_time,
        alert.count,
        int(alert.severity),
        alert.title,
        alert.late_seconds,
        sorted(alert.entities.items()),
    )
