"""Correlations over rules that compare with the past: their matches, and no other events."""

from __future__ import annotations

import pytest
import yaml

from collector.detect.loader import load_rule_set
from collector.model import AlertStatus
from collector.rules.rule_files import EVENT_SCHEMA
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

USER = "005000000000001AAA"


def document(number, name, service=None, **more):
    identity = f"0d9ff9fb-6f0f-4c55-9f0b-{number:012d}"
    head = {"title": name, "id": identity, "name": name, "level": "medium"}
    if service is None:
        return {**head, **more}
    detection = {"s": {"user_id|exists": True}, "condition": "s"}
    logsource = {"product": "salesforce", "service": service}
    return {**head, "logsource": logsource, "detection": detection, **more}


NEW_ADDRESS = document(
    1,
    "new-address",
    "Login",
    collector={"first_seen": {"key": ["user_id", "source_ip"], "learn": "1d", "forget": "30d"}},
)
MUCH = document(
    2,
    "much",
    "BulkApi2",
    collector={
        "baseline": {
            "metric": "sum",
            "field": "record_count",
            "group_by": ["user_id"],
            "window": "1h",
            "history": "2d",
            "minimum": 2,
        }
    },
)
EXPORT = document(3, "export", "BulkApi2")


def chain(*rules, kind="temporal"):
    over = {"type": kind, "rules": list(rules), "group-by": ["user_id"], "timespan": "30m"}
    return document(9, "chain", correlation=over)


@pytest.fixture
def run(tmp_path_factory):
    """Takes batches in with a rule set: each `(event_type, rows)`, in that order."""

    def ingest(documents, *batches):
        folder = tmp_path_factory.mktemp("run")
        path = folder / "rules.yml"
        path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        rules = load_rule_set([path], schema=EVENT_SCHEMA)
        with open_pipeline_bench(folder, rules=rules) as bench:
            for number, (event_type, rows) in enumerate(batches):
                key = f"{number:032x}"
                bench.pipeline.ingest(
                    bench.write_batch(event_type, rows, key=key, record_prefix=key)
                )
            return [
                (alert.rule, alert.count, alert.status == AlertStatus.WITHDRAWN)
                for alert in bench.list_alerts()
            ]

    return ingest


def login(at, address="203.0.113.7"):
    return build_login_row(TIMESTAMP_DERIVED=at, USER_ID=USER, SOURCE_IP=address)


def export(at, records, job=1):
    return build_bulk_row(f"750{job:012}AAA", records, TIMESTAMP_DERIVED=at, USER_ID=USER)


HISTORY = ("Login", [login("2026-02-20T08:00:00.000Z")])
ENTRY = ("Login", [login("2026-03-02T10:00:00.000Z", "198.51.100.1")])
TAKEN = ("BulkApi2", [export("2026-03-02T10:20:00.000Z", 50)])
KNOWN = ("Login", [login("2026-03-01T10:00:00.000Z", "198.51.100.1")])


@pytest.mark.slow
@pytest.mark.parametrize("batches", [(HISTORY, ENTRY, TAKEN), (HISTORY, TAKEN, ENTRY)])
def test_what_is_first_seen_is_a_step_of_a_chain_and_raises_no_alert_of_its_own(run, batches):
    documents = (NEW_ADDRESS, EXPORT, chain("new-address", "export", kind="temporal_ordered"))

    assert [("chain", 2, False)] == run(documents, *batches)


@pytest.mark.slow
def test_an_address_that_is_known_is_no_step(run):
    documents = (NEW_ADDRESS, EXPORT, chain("new-address", "export"))
    office = ("Login", [login("2026-03-02T10:00:00.000Z")])

    assert [] == run(documents, HISTORY, office, TAKEN)


def test_a_chain_is_withdrawn_when_a_late_event_shows_that_its_address_was_known(run):
    documents = (NEW_ADDRESS, EXPORT, chain("new-address", "export"))

    assert [("chain", 2, True)] == run(documents, HISTORY, ENTRY, TAKEN, KNOWN)


@pytest.mark.slow
def test_a_window_of_a_baseline_is_a_member_by_its_last_event(run):
    """Two quiet hours, then 9,000 records; the login is half an hour before the last of them."""
    documents = (NEW_ADDRESS, MUCH, chain("new-address", "much"))
    hours = [f"2026-03-02T0{hour}:10:00.000Z" for hour in (7, 8)]
    quiet = ("BulkApi2", [export(at, 10, job) for job, at in enumerate(hours, 5)])
    loud = ("BulkApi2", [export("2026-03-02T10:10:00.000Z", 4000, 2)])
    last = ("BulkApi2", [export("2026-03-02T10:30:00.000Z", 5000, 3)])
    late = ("BulkApi2", [export("2026-03-02T10:31:00.000Z", 5000, 4)])

    assert [("chain", 2, False)] == run(documents, HISTORY, quiet, ENTRY, loud, last)
    assert [("chain", 2, False)] == run(documents, HISTORY, last, loud, ENTRY, quiet)
    assert [("chain", 2, True)] == run(documents, HISTORY, quiet, ENTRY, loud, last, late)
