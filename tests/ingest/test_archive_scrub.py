"""The daemon reads the whole archive within a period, and no faster than that."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector import clock
from collector.collection.local_files import build_batch
from collector.csv_segments import write_records
from collector.detect import RuleSet
from collector.errors import StoppedError
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.store import damaged_files, ledger, reported_damage, scrub_progress
from fakes.model_samples import NOON

HOUR = timedelta(hours=1)
FILES = 10


@pytest.fixture
def bench():
    with open_temporary_pipeline(RuleSet(rules=())) as opened:
        for number in range(FILES):
            record = {"TIMESTAMP_DERIVED": f"2026-03-01T10:{number:02}:00.000Z", "USER_NAME": "a"}
            name = f"file-{number:02}"
            segments = write_records(opened.paths.spool, name, tuple(record), [record])
            opened.pipeline.ingest(
                build_batch("Login", segments, org="acme", identity=name, received=NOON)
            )
        yield opened


def read_progress(bench):
    with bench.database.read() as connection:
        return scrub_progress.read_scrub_progress(connection)


def let_time_pass(bench, span):
    """As if the last slice had been so much earlier."""
    progress = read_progress(bench)
    with bench.database.begin() as connection:
        earlier = replace(progress, reached=progress.reached - span)
        scrub_progress.save_scrub_progress(connection, earlier)


def list_reports(bench):
    with bench.database.read() as connection:
        return reported_damage.list_reports(connection)


def list_paths(bench):
    with bench.database.read() as connection:
        return [file.path for file in ledger.list_archive_files(connection)]


def flip_bit(bench, path):
    target = bench.paths.state_dir / "archive" / path
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 4
    target.write_bytes(content)


def test_every_file_is_read_once_in_the_period_a_slice_each_hour(bench):
    paths = list_paths(bench)
    counts = []
    for _ in range(FILES - 1):
        bench.pipeline.scrub_archive(FILES * HOUR)
        bench.pipeline.scrub_archive(FILES * HOUR)
        counts.append(sum(path <= read_progress(bench).path for path in paths))
        let_time_pass(bench, HOUR)

    assert [] == [
        (hour, count) for hour, count in enumerate(counts, start=1) if not 0 <= count - hour <= 1
    ]
    let_time_pass(bench, 2 * HOUR)
    bench.pipeline.scrub_archive(FILES * HOUR)
    assert ("", True) == ((end := read_progress(bench)).path, end.finished is not None)


def test_what_rotted_is_found_set_aside_and_told(bench):
    rotten = list_paths(bench)[7]
    flip_bit(bench, rotten)
    for _ in range(FILES + 1):
        bench.pipeline.scrub_archive(FILES * HOUR)
        let_time_pass(bench, HOUR)
    assert [rotten] == list(list_reports(bench))

    bench.pipeline.set_absent_files_aside(clock.now())

    assert {} == list_reports(bench)
    with bench.database.read() as connection:
        (damaged,) = damaged_files.list_damaged_files(connection)
    assert (rotten, "its bytes are not those that were committed") == (
        damaged.file.path,
        damaged.reason,
    )
    assert (bench.paths.damaged_files / rotten).exists()


@pytest.mark.slow
def test_what_was_missed_while_nobody_ran_is_read_within_bounds(bench):
    bench.pipeline.scrub_archive(1000 * HOUR)
    let_time_pass(bench, 1000 * HOUR)
    bench.pipeline.scrub_archive(240 * HOUR)

    read = [path for path in list_paths(bench) if path <= read_progress(bench).path]
    assert 2 <= len(read) <= 3, "one from the first slice, and a day's share of ten days"


def test_in_an_archive_without_files_there_is_nothing_to_read():
    with open_temporary_pipeline(RuleSet(rules=())) as opened:
        opened.pipeline.scrub_archive(FILES * HOUR)

        assert read_progress(opened) is None


@pytest.mark.slow
def test_a_period_of_zero_reads_nothing(bench):
    bench.pipeline.scrub_archive(timedelta())

    assert read_progress(bench) is None


@pytest.mark.slow
def test_a_clock_that_was_wrong_by_years_is_not_waited_for(bench):
    bench.pipeline.scrub_archive(FILES * HOUR)
    let_time_pass(bench, -10_000 * HOUR)
    bench.pipeline.scrub_archive(FILES * HOUR)
    before = read_progress(bench)
    let_time_pass(bench, 10_000 * HOUR + HOUR)
    bench.pipeline.scrub_archive(FILES * HOUR)

    assert read_progress(bench).path > before.path


@pytest.mark.slow
def test_it_ends_at_once_when_the_collector_does(bench):
    bench.pipeline.interrupt_queries()

    with pytest.raises(StoppedError):
        bench.pipeline.scrub_archive(HOUR)
