"""What could not be read is kept, can be retried, and then is as if it had been read at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from collector.ingest import quarantine
from collector.model import BatchState
from collector.store import ledger
from fakes.pipeline_bench import build_login_row, open_pipeline_bench

POISON = b'"one","two"\n'


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path) as made:
        yield made


def poisoned_batch(bench, *indexes, agent="Mozilla/5.0"):
    rows = [build_login_row(n, BROWSER_TYPE=agent) for n in range(100)]
    made = bench.write_batch("Login", rows, segment_bytes=5_000)
    for index in indexes:
        segment = made.segments[index]
        segment.write_bytes(segment.read_bytes() + POISON)
    return made


def held(bench):
    return list(quarantine.list_batches(bench.places.quarantine))


def heal(bench):
    for found in held(bench):
        for segment in found.batch.segments:
            segment.write_bytes(segment.read_bytes().removesuffix(POISON))


def test_what_is_set_aside_says_what_it_belongs_to_and_why(bench):
    made = poisoned_batch(bench, 0, 2)
    bench.pipeline.ingest(made)

    (found,) = held(bench)
    assert (made.key, made.stream, made.columns) == (
        found.batch.key,
        found.batch.stream,
        found.batch.columns,
    )
    assert (0, 2) == found.indexes
    assert all("CSV Error" in reason for reason in found.reasons)


def test_a_retry_that_fails_again_keeps_everything(bench):
    bench.pipeline.ingest(poisoned_batch(bench, 1))
    before = bench.list_rows()
    (found,) = held(bench)

    assert 1 == len(bench.pipeline.retry_quarantined(found).quarantine_reasons)
    assert before == bench.list_rows()
    assert 1 == len(held(bench))


def test_after_a_retry_the_archive_is_as_if_nothing_had_been_wrong(bench, tmp_path):
    with open_pipeline_bench(tmp_path / "other") as healthy:
        healthy.pipeline.ingest(poisoned_batch(healthy))
        whole = healthy.list_rows("event_uid, user_name, time")
    bench.pipeline.ingest(poisoned_batch(bench, 0, 2))
    heal(bench)
    (found,) = held(bench)
    done = bench.pipeline.retry_quarantined(found)

    assert () == done.quarantine_reasons
    assert whole == bench.list_rows("event_uid, user_name, time")
    with bench.database.read() as connection:
        entry = ledger.read_ledger_batch(connection, found.batch.key).entry
    assert (BatchState.STORED, 100, 0, "") == (
        entry.state,
        entry.rows,
        entry.quarantined,
        entry.reason,
    )
    assert [] == list(bench.places.quarantine.iterdir())


def test_a_part_that_can_be_read_leaves_the_rest_in_quarantine(bench):
    bench.pipeline.ingest(poisoned_batch(bench, 1, 2))
    (found,) = held(bench)
    first = found.batch.segments[0]
    first.write_bytes(first.read_bytes().removesuffix(POISON))
    bench.pipeline.retry_quarantined(found)

    (left,) = held(bench)
    assert (2,) == left.indexes
    with bench.database.read() as connection:
        entry = ledger.read_ledger_batch(connection, found.batch.key).entry
    assert (BatchState.QUARANTINED, 1) == (entry.state, entry.quarantined)


def test_rules_see_what_a_retry_brings(bench):
    bench.pipeline.ingest(poisoned_batch(bench, 1, agent="Salesforce-CLI/1.0"))
    (before,) = bench.list_alerts()
    heal(bench)
    (found,) = held(bench)
    bench.pipeline.retry_quarantined(found)

    (after,) = bench.list_alerts()
    assert before.id == after.id
    assert 100 == after.count


def test_segments_of_one_batch_may_be_set_aside_side_by_side(bench, tmp_path):
    made = poisoned_batch(bench)
    indexes = range(len(made.segments))
    for turn in range(20):
        root = tmp_path / f"turn-{turn}"
        with ThreadPoolExecutor(len(indexes)) as pool:
            stored = [
                pool.submit(quarantine.store_segment, root, made, index, "CSV Error")
                for index in indexes
            ]
        assert {None} == {each.result() for each in stored}
        (found,) = quarantine.list_batches(root)
        assert tuple(indexes) == found.indexes
