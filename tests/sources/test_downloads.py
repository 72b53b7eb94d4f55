"""Several downloads at a time, in order, and nothing left behind."""

import threading

import pytest

from collector.sources import parallel_downloads
from fakes.model_samples import build_batch
from fakes.polling_bench import (
    HOUR,
    build_log_file,
    list_event_uids,
    open_polling_bench,
    serve_org,
)
from fakes.start_time import read_start_time

FILES = list(range(10))


def test_files_come_in_their_order_whatever_order_their_downloads_end_in():
    first = threading.Event()

    def fetch(number):
        if number == 0:
            assert first.wait(5), "the ones behind it are not under way"
        if number == parallel_downloads.MAX_PARALLEL_DOWNLOADS - 1:
            first.set()
        return number

    assert FILES == [
        download.result() for _, download in parallel_downloads.prefetch_files(FILES, fetch)
    ]


def test_never_more_than_four_are_under_way():
    busy, most, lock = 0, 0, threading.Lock()

    def fetch(number):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        threading.Event().wait(0.01)
        with lock:
            busy -= 1
        return number

    assert 10 == len(list(parallel_downloads.prefetch_files(FILES, fetch)))
    assert 2 <= most <= parallel_downloads.MAX_PARALLEL_DOWNLOADS


def test_whoever_stops_in_the_middle_leaves_nothing_in_the_spool(tmp_path):
    def fetch(number):
        segment = tmp_path / f"{number}.csv"
        segment.write_text("x")
        return build_batch(segments=(segment,))

    under_way = parallel_downloads.prefetch_files(FILES, fetch)
    _, taken = next(under_way)
    taken.result()
    under_way.close()

    assert [tmp_path / "0.csv"] == list(tmp_path.iterdir()), "only what was handed on is there"


def test_a_download_that_fails_fails_for_its_file_alone():
    def fetch(number):
        if number == 3:
            raise ValueError("three")
        return number

    done = []
    for number, download in parallel_downloads.prefetch_files(FILES, fetch):
        if number == 3:
            with pytest.raises(ValueError, match="three"):
                download.result()
        else:
            done.append(download.result())
    assert [number for number in FILES if number != 3] == done


@pytest.mark.slow
def test_many_files_of_an_org_are_taken_in_once_each(tmp_path):
    files = [build_log_file(n, read_start_time() - (2 + n % 5) * HOUR) for n in range(30)]
    with (
        serve_org(*files) as org,
        open_polling_bench(tmp_path, org, {"event_log_file": {"settle": "0s"}}) as bench,
    ):
        bench.poll_sources()

        assert list_event_uids(*files) == bench.list_stored_values()
        assert 30 == len(bench.list_requests("/LogFile?"))
