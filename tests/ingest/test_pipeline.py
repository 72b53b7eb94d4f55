"""One batch, one transaction: what goes in once is there once, whatever happens."""

from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from collector import engine
from collector.channels.message_card import build_card
from collector.csv_segments import MAX_COLUMNS
from collector.detect import RuleSet
from collector.detect.loader import load_rule_set
from collector.ingest import quarantine
from collector.model import Cursor, Message, Route, Severity
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import ledger, ledger_totals, outbox, rule_status, tables
from fakes.model_samples import NOON, STREAM, build_batch
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

FETCHER = "Salesforce-Multi-Org-Fetcher/1.0"
JOB = "7505f000008xKLm"


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path, channels=("chat", "mail")) as made:
        yield made


def owed(bench):
    with bench.database.read() as connection:
        return {
            (pile.channel, pile.state): pile.count for pile in outbox.list_queue_stats(connection)
        }


def test_a_batch_becomes_events_a_ledger_entry_and_a_cursor(bench):
    done = bench.pipeline.ingest(bench.write_batch("Login", [build_login_row(n) for n in range(3)]))

    prefix = "0AT000000000001AAA:0:"
    assert 3 == done.rows
    assert [(f"{prefix}{n}",) for n in (1, 2, 3)] == bench.list_rows()
    with bench.database.read() as connection:
        assert Cursor(time=NOON, tiebreaker="0AT000000000001AAA") == ledger.read_cursor(
            connection, STREAM
        )
        (total,) = ledger_totals.list_ledger_totals(connection)
    assert ("Login", 1, 3, 0) == (total.event_type, total.batches, total.rows, total.quarantined)


def test_the_spool_is_empty_afterwards(bench):
    bench.pipeline.ingest(bench.write_batch("Login", [build_login_row()]))

    assert [] == list(bench.places.spool.iterdir())


def test_a_match_is_owed_to_every_channel_once(bench):
    done = bench.pipeline.ingest(
        bench.write_batch("Login", [build_login_row(BROWSER_TYPE=FETCHER)])
    )

    (alert,) = done.notified_alerts
    assert (Severity.CRITICAL, "cli-activity") == (alert.severity, alert.rule)
    assert {("chat", "ready"): 1, ("mail", "ready"): 1} == owed(bench)


def test_a_replay_changes_nothing(bench):
    for _ in range(2):
        bench.pipeline.ingest(bench.write_batch("Login", [build_login_row(BROWSER_TYPE=FETCHER)]))

    assert 1 == len(bench.list_rows())
    assert [1] == [alert.count for alert in bench.list_alerts()]
    assert {("chat", "ready"): 1, ("mail", "ready"): 1} == owed(bench)


def test_routes_decide_who_is_told(tmp_path):
    routes = (Route(channels=("mail",), min_severity=Severity.CRITICAL),)
    with open_pipeline_bench(tmp_path, channels=("chat", "mail"), routes=routes) as bench:
        bench.pipeline.ingest(bench.write_batch("Login", [build_login_row(BROWSER_TYPE=FETCHER)]))

        assert {("mail", "ready"): 1} == owed(bench)


@pytest.mark.slow
def test_many_segments_are_one_batch_with_uids_that_never_clash(bench):
    rows = [build_login_row(n, USER_NAME=f"user{n}@example.com") for n in range(500)]
    done = bench.pipeline.ingest(bench.write_batch("Login", rows, segment_bytes=4_000))

    assert 500 == done.rows
    names = [name for (name,) in bench.list_rows("user_name")]
    assert sorted(row["USER_NAME"] for row in rows) == names
    assert 500 == len({uid for (uid,) in bench.list_rows()})


def test_events_that_were_served_before_are_stored_and_counted_once(bench):
    def anomaly(number):
        return {
            "EventIdentifier": f"a{number}",
            "EventDate": "2026-03-01T12:00:00.000+0000",
            "Score": "0.9",
            "UserId": "005000000000001AAA",
        }

    first = bench.pipeline.ingest(
        bench.write_batch(
            "ApiAnomalyEventStore", [anomaly(1), anomaly(2)], dedupe=True, key="1" * 32
        )
    )
    second = bench.pipeline.ingest(
        bench.write_batch(
            "ApiAnomalyEventStore",
            [anomaly(2), anomaly(3), anomaly(3)],
            dedupe=True,
            key="2" * 32,
        )
    )

    assert (2, 0) == (first.rows, first.duplicates)
    assert (1, 2) == (second.rows, second.duplicates)
    assert [("a1",), ("a2",), ("a3",)] == bench.list_rows()
    assert [1, 1, 1] == [alert.count for alert in bench.list_alerts()]


def test_a_window_without_news_moves_the_cursor_and_leaves_no_entry(bench):
    later = Cursor(time=NOON.replace(hour=13))
    bench.pipeline.ingest(build_batch(dedupe=True, cursor=later))

    with bench.database.read() as connection:
        assert later == ledger.read_cursor(connection, STREAM)
        assert [] == ledger_totals.list_ledger_totals(connection)


def test_a_file_without_events_is_entered_so_that_it_is_not_fetched_again(bench):
    made = bench.write_batch("Login", [build_login_row(EVENT_TYPE="EVENT_TYPE")])
    bench.pipeline.ingest(made)

    with bench.database.read() as connection:
        assert {made.key} == ledger.find_known_keys(connection, [made.key])


def test_a_bulk_job_has_the_most_records_that_any_event_told_of(bench):
    rows = [build_bulk_row(JOB, n, m) for m, n in enumerate((40_000, 150_000, 150_000))]
    bench.pipeline.ingest(bench.write_batch("BulkApi2", rows))

    (alert,) = bench.list_alerts()
    assert (Severity.CRITICAL, 1) == (alert.severity, alert.count)
    assert "150,000 records" in alert.title
    assert "7505f000008xKLmAAM" == alert.entities["job_id"]


def test_a_job_that_goes_on_in_a_later_file_is_the_same_alert_grown_worse(bench):
    bench.pipeline.ingest(
        bench.write_batch("BulkApi2", [build_bulk_row(JOB, 20_000)], key="1" * 32)
    )
    (before,) = bench.list_alerts()
    later = bench.write_batch(
        "BulkApi2",
        [build_bulk_row(JOB, 120_000, 59)],
        key="2" * 32,
        record_prefix="0AT000000000002AAA",
    )
    bench.pipeline.ingest(later)

    (after,) = bench.list_alerts()
    assert (before.id, 1, 2) == (after.id, after.count, after.revision)
    assert (Severity.MEDIUM, Severity.CRITICAL) == (before.severity, after.severity)


def test_a_job_that_goes_on_without_getting_worse_is_not_told_again(bench):
    bench.pipeline.ingest(
        bench.write_batch("BulkApi2", [build_bulk_row(JOB, 20_000)], key="1" * 32)
    )
    later = bench.write_batch(
        "BulkApi2",
        [build_bulk_row(JOB, 21_000, 5)],
        key="2" * 32,
        record_prefix="0AT000000000002AAA",
    )

    assert () == bench.pipeline.ingest(later).notified_alerts
    assert "21,000 records" in bench.list_alerts()[0].title


def test_jobs_of_other_orgs_are_other_jobs(bench):
    other = STREAM.__class__(org="other", source=STREAM.source, name=STREAM.name)
    bench.pipeline.ingest(
        bench.write_batch("BulkApi2", [build_bulk_row(JOB, 150_000)], key="1" * 32)
    )
    bench.pipeline.ingest(
        bench.write_batch("BulkApi2", [build_bulk_row(JOB, 500)], key="2" * 32, stream=other)
    )

    assert {"acme": "critical", "other": "low"} == {
        alert.org: str(alert.severity) for alert in bench.list_alerts()
    }


def test_bad_bytes_cost_no_row(bench):
    made = bench.write_batch("Login", [build_login_row(n) for n in range(3)])
    (segment,) = made.segments
    segment.write_bytes(segment.read_bytes().replace(b"ada@", b"a\xff\xfe@", 1))
    done = bench.pipeline.ingest(made)

    assert (3, ()) == (done.rows, done.quarantine_reasons)
    assert "a\ufffd\ufffd@example.com" in [name for (name,) in bench.list_rows("user_name")]


def test_a_batch_that_is_lost_is_written_down_and_gone_on_after(bench):
    bench.pipeline.mark_lost(build_batch(), "deleted")

    with bench.database.read() as connection:
        (total,) = ledger_totals.list_ledger_totals(connection)
        assert build_batch().cursor == ledger.read_cursor(connection, STREAM)
    assert (1, 0) == (total.lost, total.rows)


def test_an_event_type_that_nobody_knows_passes_through(bench):
    row = {"EVENT_TYPE": "BrandNew", "TIMESTAMP": "20260301120000.000", "SHINY": "yes"}
    bench.pipeline.ingest(bench.write_batch("BrandNew", [row]))

    assert [("BrandNew", "yes")] == bench.list_rows('event_type, "SHINY"')


def test_the_client_sees_what_the_title_says(bench):
    """A hostile name is stored as it is, beside its plain form; every output escapes for itself."""
    name = "<!channel> Evil\u202e & <b>Co</b>"
    row = {
        "EVENT_TYPE": "PackageInstall",
        "TIMESTAMP_DERIVED": "2026-03-01T12:00:00.000Z",
        "USER_ID": "005000000000001",
        "PACKAGE_NAME": name,
        "IS_SUCCESSFUL": "1",
        "IS_MANAGED": "0",
        "OPERATION_TYPE": "INSTALL",
    }
    bench.pipeline.ingest(bench.write_batch("PackageInstall", [row]))

    (alert,) = bench.list_alerts()
    assert [(name,)] == bench.list_rows('"raw_PACKAGE_NAME"')
    assert "<!channel> Evil & <b>Co</b>" == alert.entities["package_name"]


def test_what_a_batch_brings_is_stored_though_no_derived_record_can_be_made_of_it(bench):
    """The rules about these say so; the others have looked at the batch."""
    bench.pipeline.ingest(bench.write_batch("BulkApi2", [build_bulk_row("750A", 10)], key="a" * 32))
    with bench.database.read() as connection:
        (file,) = ledger.list_archive_files(connection)
    (location,) = bench.places.archive.locate_files([file])
    with engine.open_engine() as connection:
        connection.execute(
            "COPY (SELECT * REPLACE (struct_pack(no := 'time') AS time)"
            f" FROM read_parquet('{location}')) TO '{location}' (FORMAT parquet)"
        )
    with bench.database.begin() as connection:  # else it would be taken for damaged
        size = Path(str(location)).stat().st_size
        connection.execute(sa.update(tables.archive_files).values(bytes=size, sha256=""))
    row = build_bulk_row("750A", 20)
    done = bench.pipeline.ingest(bench.write_batch("BulkApi2", [row], key="b" * 32))

    assert 1 == done.rows
    with bench.database.read() as connection:
        assert 2 == sum(total.batches for total in ledger_totals.list_ledger_totals(connection))
        faults = {fault.rule: fault.reason for fault in rule_status.list_faults(connection)}
    assert faults["bulk-api-job"].startswith("BulkJob cannot be made: ")


@pytest.mark.slow
def test_a_log_of_as_many_columns_as_are_read_is_stored_and_matched(bench):
    agent = {"BROWSER_TYPE": "Salesforce-CLI/1.0"}
    more = {f"N{number}": "v" for number in range(MAX_COLUMNS - 1 - len(build_login_row()))}
    rows = [build_login_row(number, **agent, **more) for number in range(50)]
    done = bench.pipeline.ingest(bench.write_batch("Login", rows, segment_bytes=1 << 24))

    assert (50, ()) == (done.rows, done.quarantine_reasons)
    (alert,) = bench.list_alerts()
    assert 50 == alert.count
    assert {"v"} == {value for (value,) in bench.list_rows('"N4000"')}


def test_events_of_unknown_time_are_counted_and_say_so_in_the_alert(bench):
    rows = [
        build_login_row(BROWSER_TYPE=FETCHER, TIMESTAMP="", TIMESTAMP_DERIVED="31.12.2026 10:00"),
        build_login_row(BROWSER_TYPE="Mozilla/5.0"),
    ]
    done = bench.pipeline.ingest(bench.write_batch("Login", rows))

    assert (2, 1) == (done.rows, done.unknown_times)
    with bench.database.read() as connection:
        (total,) = ledger_totals.list_ledger_totals(connection)
    assert (2, 1) == (total.rows, total.unknown_times)
    (alert,) = bench.list_alerts()
    card = build_card(Message(key="k", alert=alert, is_update=False, attempt=1))
    when = "time unknown: 31.12.2026 10:00; its log is of 2026-03-01 12:00:00 UTC"
    assert [when] == [fact.value for fact in card.facts if fact.label == "When"]


def test_events_of_unknown_time_that_are_dropped_as_known_are_counted_once(bench):
    row = {"EventIdentifier": "e1", "EventDate": "soon", "Username": "ada@example.com"}
    for key in ("a" * 32, "b" * 32):
        batch = bench.write_batch("ApiEvent", [row], key=key, dedupe=True)
        bench.pipeline.ingest(batch)

    with bench.database.read() as connection:
        totals = ledger_totals.list_ledger_totals(connection)
    assert (1, 1) == (sum(t.rows for t in totals), sum(t.unknown_times for t in totals))


OLD_RULES = """\
title: A login
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0c01
name: login
level: low
logsource: {product: salesforce, service: Login}
detection: {login: {outcome: success}, condition: login}
collector: {title: "Login {time_defect|in time}"}
---
title: Two logins
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0c02
name: two-logins
level: high
correlation:
  type: event_count
  rules: [login]
  group-by: [user_id]
  timespan: 1h
  condition: {gte: 2}
  generate: true
"""


def test_files_of_versions_without_a_column_are_read_as_if_they_had_it(bench, tmp_path):
    bench.pipeline.set_rules(RuleSet(rules=()))
    bench.pipeline.ingest(bench.write_batch("Login", [build_login_row(n) for n in range(2)]))
    with bench.database.read() as connection:
        (file,) = ledger.list_archive_files(connection)
    (location,) = bench.places.archive.locate_files([file])
    with engine.open_engine() as connection:
        connection.execute(
            f"COPY (SELECT * EXCLUDE (time_defect) FROM read_parquet('{location}'))"
            f" TO '{location}' (FORMAT parquet)"
        )
    path = tmp_path / "rules.yml"
    path.write_text(OLD_RULES)
    bench.pipeline.set_rules(load_rule_set([path], schema=EVENT_SCHEMA))
    done = bench.pipeline.rematch_rules(["login", "two-logins"])

    assert frozenset() == done.failed_rules
    assert {("login", "Login in time"), ("two-logins", "Two logins")} == {
        (alert.rule, alert.title) for alert in bench.list_alerts()
    }


@pytest.mark.slow
def test_a_segment_that_no_engine_has_memory_for_is_set_aside_and_not_tried_for_ever(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "open_engine", partial(engine.open_engine, memory_limit="40MB"))
    with open_pipeline_bench(tmp_path) as bench:
        wide = build_login_row() | {f"N{number}": "v" for number in range(2_000)}
        done = bench.pipeline.ingest(bench.write_batch("Login", [wide], key="a" * 32))
        later = bench.pipeline.ingest(bench.write_batch("Login", [build_login_row()], key="b" * 32))

        assert (0, 1) == (done.rows, later.rows)
        (reason,) = done.quarantine_reasons
        assert reason.startswith("segment 0: Out of Memory Error")
        (found,) = quarantine.list_batches(bench.places.quarantine)
        assert ("a" * 32, (0,)) == (found.batch.key, found.indexes)
        with bench.database.read() as connection:
            assert {"a" * 32, "b" * 32} == ledger.find_known_keys(connection, ["a" * 32, "b" * 32])
