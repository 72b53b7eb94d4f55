"""An event's way is told whole: what brought it, what it is part of, who was told, what is near."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector import clock, engine
from collector.api.event_trace import trace_event
from collector.archive import hunt_query
from collector.model import BatchState, Severity, Stream
from collector.sources.contract import build_batch_key
from collector.store import alerts, delivery_leases, ledger, listed_files, outbox, tables
from fakes.model_samples import NOON, build_alert, build_log_file_facts
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

FILE = "0AT000000000002AAA"
KEY = build_batch_key("acme", "event_log_file", FILE)
JOB = "750000000000001"
CLI = {"BROWSER_TYPE": "Salesforce-CLI/1.0", "SESSION_KEY": "s'1", "LOGIN_KEY": "l1"}


CHANNELS = ["here", "there"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A log file that was listed and fetched, with a login that alerts, and a job in two files."""
    folder = tmp_path_factory.mktemp("events")
    with open_pipeline_bench(folder, channels=CHANNELS) as bench:
        rows = [
            build_login_row(1, **CLI),
            build_login_row(2, SESSION_KEY="s'1"),
            build_login_row(3),
        ]
        facts = build_log_file_facts(file_id=FILE)
        logins = bench.write_batch("Login", rows, key=KEY, record_prefix=FILE, facts=facts)
        with bench.database.begin() as state:
            listed_files.record_listed_files(state, [logins], now=NOON + timedelta(hours=2))
        bench.pipeline.ingest(logins)
        for key, minute in (("a" * 32, 0), ("b" * 32, 5)):
            job = build_bulk_row(JOB, 100_000, minute, SESSION_KEY="s'1")
            bench.pipeline.ingest(bench.write_batch("BulkApi2", [job], key=key, record_prefix=key))
    return folder


@pytest.fixture
def bench(folder, tmp_path):
    """A copy of it, which a test may go on with."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with open_pipeline_bench(tmp_path, channels=CHANNELS) as bench:
        yield bench


@pytest.fixture
def way(bench):
    def run(uid):
        with bench.database.read() as state, engine.open_engine() as connection:
            return trace_event(state, connection, uid, archive=bench.places.archive)

    return run


def test_a_line_of_a_log_file_is_followed_back_to_the_file(way):
    (found,) = way(f"{FILE}:0:1")
    (batch,) = found.batches

    assert ("acme", "Login") == (found.org, found.event_type)
    assert (KEY, "event_log_file", "hourly") == (batch.key, batch.stream.source, batch.stream.name)
    assert (FILE, 3, "stored") == (batch.facts.file_id, batch.entry.rows, batch.entry.state)
    assert (NOON, NOON + timedelta(hours=2), NOON + timedelta(hours=3)) == (
        batch.created,
        batch.first_listed,
        batch.received,
    )
    assert [f"org=acme/event_type=Login/date=2026-03-01/{KEY}-0000.parquet"] == [
        file.path for file in found.files
    ]


def test_all_its_columns_are_told_ours_first(way):
    (found,) = way(f"{FILE}:0:1")
    names = list(found.event)

    assert names.index("user_agent") < names.index("BROWSER_TYPE")
    assert "Salesforce-CLI/1.0" == found.event["user_agent"] == found.event["BROWSER_TYPE"]
    assert None not in found.event.values()


def test_the_rules_that_matched_it_are_told_with_their_messages(way, bench):
    with bench.database.begin() as state:
        now = clock.now()
        later = now + timedelta(minutes=1)
        for _ in range(2):
            leased = delivery_leases.lease_delivery(state, "here", now=now, until=later)
            outbox.mark_sent(state, leased.key, reference="", now=NOON)
    (found,) = way(f"{FILE}:0:1")
    (raised,) = found.alerts

    assert ("cli-activity", "cli-activity", "high") == (
        raised.match.rule,
        raised.alert.rule,
        str(raised.match.severity),
    )
    assert [("here", "sent", NOON), ("there", "ready", None)] == [
        (told.channel, told.state, told.finished) for told in raised.deliveries
    ]
    assert () == way(f"{FILE}:0:3")[0].alerts


def test_its_neighbours_are_counted_by_what_ties_them_and_by_type(way):
    (found,) = way(f"{FILE}:0:1")

    assert [("session_key", "BulkApi2", 2), ("session_key", "Login", 1)] == [
        (each.column, each.event_type, each.count) for each in found.neighbours
    ]
    assert (NOON, NOON + timedelta(minutes=5)) == (
        found.neighbours[0].first,
        found.neighbours[0].last,
    )
    assert ["session_key", "login_key"] == list(found.neighbour_queries)
    assert ((), {}) == (way(f"{FILE}:0:3")[0].neighbours, way(f"{FILE}:0:3")[0].neighbour_queries)


def test_how_to_see_them_is_sql_that_runs(way, bench):
    with bench.database.read() as state:
        files = ledger.list_archive_files(state)
    sql = way(f"{FILE}:0:1")[0].neighbour_queries["session_key"]
    answer = hunt_query.run_hunt_query(
        sql, archive=bench.places.archive, files=files, derived_types={}
    )

    assert 4 == len(answer.rows)


def test_a_job_is_told_with_what_it_is_made_of(way):
    (found,) = way(f"job:acme:{JOB}AAA")

    assert ("BulkJob", 100_000) == (found.event_type, found.event["record_count"])
    assert [(f"{'a' * 32}:0:1", NOON), (f"{'b' * 32}:0:1", NOON + timedelta(minutes=5))] == [
        (part.event_uid, part.time) for part in found.constituents
    ]
    assert ["a" * 32, "b" * 32] == sorted(batch.key for batch in found.batches)
    assert 2 == len(found.files)
    assert ["bulk-api-job"] == [raised.match.rule for raised in found.alerts]


def test_an_event_that_only_an_alert_remembers_is_told_from_there(way, bench):
    (known,) = way(f"{FILE}:0:1")
    with bench.database.begin() as state:
        ledger.record_batch(
            state,
            bench.write_batch("Login", [build_login_row()], key=KEY),
            ledger.LedgerEntry(state=BatchState.LOST),
            [],
        )
    (found,) = way(f"{FILE}:0:1")

    assert ((), ()) == (found.files, found.batches)
    assert known.event["user_agent"] == found.event["user_agent"]
    assert known.alerts == found.alerts


def test_a_window_is_told_with_the_events_that_its_alert_shows(way, bench):
    shown = {"event_uid": "e1", "event_type": "Login", "time": "2026-03-01T12:00:00.000Z"}
    match = {"org": "acme", "rule": "odd-login", "event_uid": "window:1"}
    _join(bench, build_alert(evidence=(shown,)), match)
    (found,) = way("window:1")

    assert [("e1", "Login", NOON)] == [
        (part.event_uid, part.event_type, part.time) for part in found.constituents
    ]
    assert found.event is None
    assert ["odd-login"] == [raised.alert.rule for raised in found.alerts]


def _join(bench, found, match):
    rest = {"time": NOON, "severity": Severity.LOW, "weight": 1.0, "count": 1, "late_seconds": 0}
    with bench.database.begin() as state:
        alerts.save_alerts(state, [found], {})
        values = {**match, **rest, "alert_id": found.id, "title": "Odd"}
        state.execute(sa.insert(tables.matches).values(values))


@pytest.mark.parametrize("uid", ["", "nobody's", f"{FILE}:0:9", "job:acme:1", "window:2", "a\0b"])
def test_nobody_knows_other_uids(way, uid):
    assert [] == way(uid)


def test_one_uid_in_two_orgs_is_two_events(way, bench):
    """A sandbox is a copy: it may serve what its production org serves."""
    stream = Stream(org="other", source="event_log_file", name="hourly")
    key = build_batch_key("other", "event_log_file", FILE)
    bench.pipeline.ingest(
        bench.write_batch("Login", [build_login_row(1)], key=key, record_prefix=FILE, stream=stream)
    )

    assert ["acme", "other"] == sorted(each.org for each in way(f"{FILE}:0:1"))
    assert ["acme"] == [each.org for each in way(f"{FILE}:0:2")]
