"""Events are found again by their uid, whether they are stored, derived or kept by an alert."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector import engine, normalize
from collector.api import event_lookup
from collector.archive import parquet_sql
from collector.store import ledger
from fakes.model_samples import NOON
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

JOB = "750000000000001"
LOGINS = "0AT000000000002AAA"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Two events of one bulk job in two files, one of another job, and two logins."""
    with open_pipeline_bench(tmp_path_factory.mktemp("events")) as bench:
        for key, event_type, rows in (
            (
                "a" * 32,
                "BulkApi2",
                [build_bulk_row(JOB, 100), build_bulk_row("750000000000002", 5)],
            ),
            ("b" * 32, "BulkApi2", [build_bulk_row(JOB, 200, 5)]),
            (
                "c" * 32,
                "Login",
                [build_login_row(1), build_login_row(2, USER_NAME="bob@example.com")],
            ),
        ):
            prefix = LOGINS if event_type == "Login" else key
            made = bench.write_batch(event_type, rows, key=key, record_prefix=prefix)
            bench.pipeline.ingest(made)
        yield bench


@pytest.fixture(scope="module")
def connection():
    with engine.open_engine() as connection:
        yield connection


@pytest.fixture(scope="module")
def find(bench, connection):
    def run(*uids, **chosen):
        with bench.database.read() as state:
            files = ledger.list_archive_files(state, **chosen)
        return event_lookup.find_events(connection, uids, files=files, archive=bench.places.archive)

    return run


def uids(connection, relation):
    return [event["event_uid"] for event in event_lookup.read_events(connection, relation)]


def test_stored_events_are_found_in_the_files_that_hold_them(find, connection):
    job, logins = sorted(
        find(f"{'a' * 32}:0:1", f"{LOGINS}:0:2", "nobody's"), key=lambda each: each.event_type
    )

    assert ("acme", "BulkApi2", [f"{'a' * 32}:0:1"]) == (
        job.org,
        job.event_type,
        uids(connection, job.relation),
    )
    assert ("Login", [f"{LOGINS}:0:2"]) == (logins.event_type, uids(connection, logins.relation))
    assert ["a" * 32] == [file.path.rpartition("/")[2][:32] for file in job.files]
    assert (
        "bob@example.com" == event_lookup.read_events(connection, logins.relation)[0]["user_name"]
    )


def test_a_job_is_made_anew_of_all_its_events(find, connection):
    (job,) = find(f"job:acme:{JOB}AAA")
    (event,) = event_lookup.read_events(connection, job.relation)

    assert ("BulkJob", 200) == (job.event_type, event["record_count"])
    assert [f"{'a' * 32}:0:1", f"{'b' * 32}:0:1"] == uids(connection, job.constituent_relation)


def test_a_sign_in_is_made_anew_of_its_tellings(find, connection):
    (found,) = find(f"login:acme:{LOGINS}:0:1")

    assert "SignIn" == found.event_type
    assert [f"login:acme:{LOGINS}:0:1"] == uids(connection, found.relation)
    assert [f"{LOGINS}:0:1"] == uids(connection, found.constituent_relation)


@pytest.mark.parametrize(
    "uid",
    [
        "nobody's",
        "",
        "job:acme",
        "job:acme:750000000000009AAA",
        f"job:other:{JOB}AAA",
        f"login:acme:{LOGINS}:0:9",
        "window:0123",
        "' OR '1'='1",
    ],
)
def test_what_no_file_holds_is_not_found(find, uid):
    assert [] == find(uid)


def test_nothing_is_found_in_files_of_another_day(find):
    late = NOON + timedelta(days=30)

    assert [] == find(f"{LOGINS}:0:1", between=(late, late))
    assert 1 == len(find(f"{LOGINS}:0:1", between=(NOON, NOON + timedelta(hours=1))))


def test_what_an_alert_has_kept_can_be_asked_like_an_event(connection):
    kept = {
        "event_uid": "e'1",
        "event_type": "Login",
        "time": "2026-03-01T12:00:00.000Z",
        "source_ip": "203.0.113.7",
        "record_count": 5,
        "LOGIN_STATUS": "'; DROP",
    }
    found = event_lookup.restore_alert_event(kept, "acme")
    (event,) = event_lookup.read_events(connection, found.relation)

    assert ("acme", "Login") == (found.org, found.event_type)
    assert {**kept, "time": NOON, "received": NOON, "org": "acme"} == {
        name: value for name, value in event.items() if name != "source_ip_key"
    }
    assert f"{'0' * 20}ffffcb007107" == event["source_ip_key"]
    assert "source_ip_key" not in parquet_sql.describe_columns(
        connection, event_lookup.restore_alert_event({"time": kept["time"]}, "acme").relation
    )


def test_every_derived_type_can_be_found():
    assert normalize.DERIVED_EVENT_TYPES.keys() == {
        name for name, _ in event_lookup.DERIVED_UID_KINDS.values()
    }


def test_an_event_is_looked_for_around_its_alerts_before_it_is_everywhere(bench):
    """As far as the events of one record may lie from each other; every org may have its uid."""
    far = event_lookup.MAX_EVENT_DISTANCE + timedelta(days=1)
    with bench.database.read() as state:
        every = ledger.list_archive_files(state)
        near, after_near = event_lookup.list_searched_files(state, {"acme": (NOON, NOON)})
        none, _ = event_lookup.list_searched_files(state, {"acme": (NOON + far, NOON + far)})
        other, _ = event_lookup.list_searched_files(state, {"other": (NOON, NOON)})
        spans = {"acme": (NOON, NOON), "other": (NOON, NOON)}
        (together,) = event_lookup.list_searched_files(state, spans)

    assert 3 == len(every)
    assert [every, every, [], [], every] == [near, after_near, none, other, together]
