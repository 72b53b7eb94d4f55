"""One batch, one transaction: what goes in once is there once, whatever happens."""

import pytest

from collector.model import Cursor, Route, Severity
from collector.store import ledger, outbox
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
        (total,) = ledger.list_ledger_totals(connection)
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
        assert [] == ledger.list_ledger_totals(connection)


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


def test_a_poisoned_segment_is_set_aside_and_the_others_go_on(bench):
    rows = [build_login_row(n) for n in range(100)]
    made = bench.write_batch("Login", rows, segment_bytes=5_000)
    poisoned = made.segments[1]
    poisoned.write_bytes(poisoned.read_bytes() + b'"one","two"\n')
    lines = poisoned.read_bytes().count(b"\n") - 2
    done = bench.pipeline.ingest(made)

    assert 100 - lines == done.rows == len(bench.list_rows())
    (reason,) = done.quarantine_reasons
    assert reason.startswith("segment 1: ")
    kept = bench.places.quarantine / made.key / "0001.csv"
    assert kept.read_bytes().endswith(b'"one","two"\n')
    with bench.database.read() as connection:
        (total,) = ledger.list_ledger_totals(connection)
    assert 1 == total.quarantined


def test_a_batch_that_is_lost_is_written_down_and_gone_on_after(bench):
    bench.pipeline.mark_lost(build_batch(), "deleted")

    with bench.database.read() as connection:
        (total,) = ledger.list_ledger_totals(connection)
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
