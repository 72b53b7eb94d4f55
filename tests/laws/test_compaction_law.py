"""Whether and when files became few, the same events and the same alerts are there in the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.detect.loader import RuleSet, load_rule_set
from collector.evaluation.correlation import shared_events
from collector.ingest import compaction_plan
from collector.model import AlertStatus
from collector.rules.rule_files import EVENT_SCHEMA
from fakes.compaction_bench import list_files, read_events
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
USERS = [f"00500000000000{n}AAA" for n in range(2)]
RULES = Path(__file__).with_name("arrival_order.yml")


def at(minute):
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


minutes = st.integers(0, 90)
logins = st.builds(
    lambda minute, user, status: (
        "Login",
        build_login_row(TIMESTAMP_DERIVED=at(minute), USER_ID=user, LOGIN_STATUS=status),
    ),
    minutes,
    st.sampled_from(USERS),
    st.sampled_from(["LOGIN_NO_ERROR", "LOGIN_ERROR_INVALID_PASSWORD"]),
)
exports = st.builds(
    lambda minute, user, records, job: (
        "BulkApi2",
        build_bulk_row(f"750{job:012}AAA", records, TIMESTAMP_DERIVED=at(minute), USER_ID=user),
    ),
    minutes,
    st.sampled_from(USERS),
    st.sampled_from([50, 300, 900]),
    st.integers(0, 9),
)
batches = st.lists(
    st.lists(logins, min_size=1, max_size=3) | st.lists(exports, min_size=1, max_size=3),
    min_size=2,
    max_size=6,
)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rule_set([RULES], schema=EVENT_SCHEMA)


@pytest.fixture(autouse=True)
def _two_are_many():
    """Two files of a day are enough to become one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction_plan, "MAX_SETTLED_FILES", 1)
        yield


@settings(max_examples=5, deadline=None)
@given(batches, st.data())
def test_nothing_depends_on_when_files_become_few(rules, batches, data):
    order = data.draw(st.permutations(range(len(batches))))
    compacted_after = data.draw(st.sets(st.sampled_from(order), min_size=1))

    assert work(rules, batches, order, set()) == work(rules, batches, order, compacted_after)


def work(rules, batches, order, compacted_after):
    """The events and alerts in the end; files become few after some of the batches."""
    with TemporaryDirectory() as directory, open_pipeline_bench(Path(directory), rules=rules) as b:
        for number in order:
            event_type = batches[number][0][0]
            rows = [row for _, row in batches[number]]
            key = f"{number:032}"
            batch = b.write_batch(event_type, rows, key=key, record_prefix=f"r{number}")
            b.pipeline.ingest(replace(batch, received=START + timedelta(hours=3, minutes=number)))
            if number in compacted_after:
                assert () == b.pipeline.compactor.compact_days().problems
                files = list_files(b.database)
                assert len({file.event_type for file in files}) == len(files)
        events = [
            read_events(b, [file for file in list_files(b.database) if file.event_type == name])
            for name in ("BulkApi2", "Login")
        ]
        alerts = sorted(
            (alert.rule, str(alert.key), alert.first_time, alert.last_time, alert.count)
            for alert in b.list_alerts()
            if alert.status != AlertStatus.WITHDRAWN
        )
    return events, alerts


def test_the_law_is_about_something(rules, monkeypatch):
    """Files do become few in it, and rules do tell of what lies in them."""
    failed = {"USER_ID": USERS[0], "LOGIN_STATUS": "LOGIN_ERROR_INVALID_PASSWORD"}
    failures = [
        [("Login", build_login_row(TIMESTAMP_DERIVED=at(minute), **failed))] for minute in range(4)
    ]
    entry = {**failed, "LOGIN_STATUS": "LOGIN_NO_ERROR"}
    given = [*failures, [("Login", build_login_row(TIMESTAMP_DERIVED=at(6), **entry))]]
    _, plain = work(rules, given, range(5), set())
    (_, logins), alerts = work(rules, given, range(5), {1, 2, 3})

    assert plain == alerts
    monkeypatch.setattr(shared_events, "MAX_EVENTS", -1)
    assert plain == work(rules, given, range(5), set())[1], "each correlation reads for itself"
    assert "forced" in {rule for rule, *_ in alerts}
    assert 5 == len(logins) - 1
