"""Urgent batches do not wait for bulk ones, and large batches come in parts."""

import threading
from contextlib import ExitStack

import pytest

from collector.errors import StoppedError
from collector.ingest.batch_parts import SEGMENTS_PER_PART
from collector.model import BatchState
from collector.sources import Lane
from collector.store import batch_inventory, ledger, listed_files, outbox, rule_status
from fakes.model_samples import NOON, STREAM, build_batch
from fakes.pipeline_bench import build_login_row, open_pipeline_bench

FETCHER = "Salesforce-Multi-Org-Fetcher/1.0"
ROWS = 90


class StopAtLook(threading.Event):
    """An event that is set by the look at it with that number."""

    def __init__(self, number):
        super().__init__()
        self.looks_left = number

    def is_set(self):
        self.looks_left -= 1
        return self.looks_left <= 0


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path, channels=("chat",)) as made:
        yield made


def write_large_batch(bench, **changes):
    """A file of at least three parts, with a match in every segment and each of another user."""
    rows = [
        build_login_row(number, USER_ID=f"0050000000{number:05}", BROWSER_TYPE=FETCHER)
        for number in range(ROWS)
    ]
    batch = bench.write_batch("Login", rows, segment_bytes=3_000, **changes)
    assert len(batch.segments) > 2 * SEGMENTS_PER_PART
    return batch


def write_anomaly(bench, number):
    row = {
        "EventIdentifier": f"a{number}",
        "EventDate": "2026-03-01T12:00:00.000+0000",
        "Score": "0.9",
        "UserId": f"00500000000000{number}AAA",
    }
    return bench.write_batch("ApiAnomalyEventStore", [row], dedupe=True, key=f"{number:032}")


def start_ingest(bench, batch, lane, failures=None):
    def work():
        try:
            bench.pipeline.ingest(batch, lane=lane)
        except StoppedError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_for_waiters(turns, count):
    while len(turns._waiting) < count:
        threading.Event().wait(0.001)


def list_batch_entries(bench):
    with bench.database.read() as connection:
        return batch_inventory.list_inventory_items(
            connection, org="acme", since=NOON.replace(hour=0), until=NOON.replace(hour=23)
        )


def test_an_urgent_batch_is_told_while_bulk_work_is_writing(bench):
    context = bench.pipeline._context
    with context.write_turns.take_turn(Lane.BULK):
        bulk = start_ingest(bench, write_large_batch(bench), Lane.BULK)
        wait_for_waiters(context.write_turns, 1)
        done = bench.pipeline.ingest(write_anomaly(bench, 1), lane=Lane.URGENT)

        assert ["api-anomaly"] == [alert.rule for alert in done.notified_alerts]
        assert 1 == len(bench.list_rows())
    bulk.join()

    assert ROWS + 1 == len(bench.list_rows())


def test_an_urgent_batch_comes_before_the_parts_of_a_bulk_one(bench):
    context = bench.pipeline._context
    with context.state_turns.take_turn(Lane.BULK):
        bulk = start_ingest(bench, write_large_batch(bench), Lane.BULK)
        wait_for_waiters(context.state_turns, 1)
        urgent = start_ingest(bench, write_anomaly(bench, 1), Lane.URGENT)
        wait_for_waiters(context.state_turns, 2)
    for thread in (bulk, urgent):
        thread.join()

    with bench.database.read() as connection:
        told = [
            row.alert_id
            for row in connection.execute(
                outbox.tables.deliveries.select().order_by(outbox.tables.deliveries.c.created)
            )
        ]
    (anomaly,) = [alert for alert in bench.list_alerts() if alert.rule == "api-anomaly"]
    assert anomaly.id == told[0]


def test_records_that_two_batches_bring_at_a_time_are_stored_once(bench):
    context = bench.pipeline._context
    first = write_anomaly(bench, 1)
    second = bench.write_batch(
        "ApiAnomalyEventStore",
        [{"EventIdentifier": "a1", "EventDate": "2026-03-01T12:00:00.000+0000", "Score": "0.9"}],
        dedupe=True,
        key="2" * 32,
    )
    with context.state_turns.take_turn(Lane.BULK):
        threads = [start_ingest(bench, batch, Lane.URGENT) for batch in (first, second)]
        wait_for_waiters(context.state_turns, 2)
    for thread in threads:
        thread.join()

    assert [("a1",)] == bench.list_rows()
    assert [1] == [alert.count for alert in bench.list_alerts()]


def test_a_batch_that_is_stopped_between_two_parts_goes_on_from_there(tmp_path):
    with open_pipeline_bench(tmp_path, stop_event=StopAtLook(1)) as bench:
        batch = write_large_batch(bench)
        with bench.database.begin() as connection:
            listed_files.record_listed_files(connection, [batch], now=NOON)
        with pytest.raises(StoppedError):
            bench.pipeline.ingest(batch)
        stored = len(bench.list_rows())

        assert 0 < stored < ROWS
        with bench.database.read() as connection:
            assert frozenset() == ledger.find_known_keys(connection, [batch.key])
            assert None is ledger.read_cursor(connection, STREAM)
        (entry,) = list_batch_entries(bench)
        assert (BatchState.PENDING, stored) == (entry.state, entry.rows)
        assert stored == sum(alert.count for alert in bench.list_alerts())

    with open_pipeline_bench(tmp_path) as bench:
        done = bench.pipeline.ingest(write_large_batch(bench))

        assert ROWS - stored == done.rows, "what was committed is not read again"
        uids = [uid for (uid,) in bench.list_rows()]
        assert ROWS == len(uids) == len(set(uids))
        (entry,) = list_batch_entries(bench)
        assert (BatchState.STORED, ROWS) == (entry.state, entry.rows)
        assert ROWS == sum(alert.count for alert in bench.list_alerts())
        with bench.database.read() as connection:
            assert batch.cursor == ledger.read_cursor(connection, STREAM)


def test_a_batch_that_the_org_gives_up_half_read_keeps_what_was_read(tmp_path):
    with open_pipeline_bench(tmp_path, stop_event=StopAtLook(1)) as bench:
        batch = write_large_batch(bench)
        with pytest.raises(StoppedError):
            bench.pipeline.ingest(batch)
        stored = len(bench.list_rows())
        bench.pipeline.mark_lost(build_batch(key=batch.key), "deleted")

        (entry,) = list_batch_entries(bench)
        assert (BatchState.LOST, stored) == (entry.state, entry.rows)
        assert stored == len(bench.list_rows())


def test_a_bad_segment_of_one_part_is_on_record_when_the_next_is_stored(bench):
    batch = write_large_batch(bench)
    poisoned = batch.segments[0]
    poisoned.write_bytes(poisoned.read_bytes() + b'"one","two"\n')
    done = bench.pipeline.ingest(batch)

    assert ["segment 0"] == [reason.partition(":")[0] for reason in done.quarantine_reasons]
    (entry,) = list_batch_entries(bench)
    assert BatchState.QUARANTINED == entry.state
    assert done.rows == entry.rows == len(bench.list_rows())


def test_queries_that_are_cut_short_leave_nothing_behind_and_no_rule_is_blamed(bench):
    context = bench.pipeline._context
    failures = []
    with ExitStack() as stack:
        stack.enter_context(context.state_turns.take_turn(Lane.BULK))
        bulk = start_ingest(bench, write_large_batch(bench), Lane.BULK, failures)
        wait_for_waiters(context.state_turns, 1)
        bench.pipeline.interrupt_queries()
    bulk.join()

    assert 1 == len(failures)
    assert [] == bench.list_rows()
    assert [] == bench.list_alerts()
    with bench.database.read() as connection:
        assert [] == rule_status.list_faults(connection)
    with pytest.raises(StoppedError):
        bench.pipeline.ingest(write_anomaly(bench, 1), lane=Lane.URGENT)
