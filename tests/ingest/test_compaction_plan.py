"""Files stay few all day, and no event is written again very often."""

from itertools import count, cycle

import pytest

from collector.ingest.compaction_plan import (
    MAX_MERGED_BYTES,
    MAX_SMALL_FILES,
    SMALL_FILE_BYTES,
    choose_files,
)
from collector.model import ArchiveFile
from fakes.model_samples import NOON

MINUTES = 1440
ROWS_BY_MINUTE = {"one": [1], "fifty": [50], "mixed": [1, 1, 9, 2, 400, 1, 60, 5, 3000]}
names = (f"{number:06}" for number in count())


def build_file(rows, size=None):
    return ArchiveFile(
        path=next(names),
        org="acme",
        event_type="Login",
        date="2026-03-01",
        rows=rows,
        bytes=12_000 + 60 * rows if size is None else size,
        first_time=NOON,
        last_time=NOON,
    )


def merge(files, chosen):
    return [
        *(file for file in files if file not in chosen),
        build_file(sum(f.rows for f in chosen)),
    ]


@pytest.mark.parametrize("rows", ROWS_BY_MINUTE.values(), ids=ROWS_BY_MINUTE)
def test_a_day_of_minute_polls_has_few_files_and_writes_each_event_a_few_times(rows):
    files, brought, written, most = [], 0, 0, 0
    minutes = cycle(rows)
    for _ in range(MINUTES):
        files.append(build_file(next(minutes)))
        brought += files[-1].rows
        if chosen := choose_files(files, is_over=False):
            written += sum(file.rows for file in chosen)
            files = merge(files, chosen)
        most = max(most, len(files))
    while chosen := choose_files(files, is_over=True):
        files = merge(files, chosen)

    assert most <= MAX_SMALL_FILES + 4, "with those that are large enough"
    assert len(files) <= 4
    assert written <= 6 * brought


def test_large_files_stay_and_one_merge_reads_so_much_at_most():
    large = [build_file(100_000, SMALL_FILE_BYTES) for _ in range(20)]
    assert [] == choose_files(large, is_over=True)
    middling = [build_file(90_000, SMALL_FILE_BYTES - 1) for _ in range(20)]
    chosen = choose_files([*large, *middling], is_over=False)
    assert 4 == len(chosen)
    assert sum(file.bytes for file in chosen) <= MAX_MERGED_BYTES


def test_few_files_stay():
    few = [build_file(5) for _ in range(MAX_SMALL_FILES)]
    assert [] == choose_files(few, is_over=False)
    assert few == choose_files(few, is_over=True)
    assert [] == choose_files(few[:4], is_over=True)
