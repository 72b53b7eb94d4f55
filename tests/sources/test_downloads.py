"""Several downloads at a time, in order, and nothing left behind."""

import threading

import pytest

from collector.sources import downloads
from fakes.bench import HOUR, collecting, log_file, now, serving, uids
from fakes.nouns import batch

FILES = list(range(10))


def test_files_come_in_their_order_whatever_order_their_downloads_end_in():
    first = threading.Event()

    def fetch(number):
        if number == 0:
            assert first.wait(5), "the ones behind it are not under way"
        if number == downloads.AT_ONCE - 1:
            first.set()
        return number

    assert FILES == [download.result() for _, download in downloads.ahead(FILES, fetch)]


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

    assert 10 == len(list(downloads.ahead(FILES, fetch)))
    assert 2 <= most <= downloads.AT_ONCE


def test_whoever_stops_in_the_middle_leaves_nothing_in_the_spool(tmp_path):
    def fetch(number):
        segment = tmp_path / f"{number}.csv"
        segment.write_text("x")
        return batch(segments=(segment,))

    under_way = downloads.ahead(FILES, fetch)
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
    for number, download in downloads.ahead(FILES, fetch):
        if number == 3:
            with pytest.raises(ValueError, match="three"):
                download.result()
        else:
            done.append(download.result())
    assert [number for number in FILES if number != 3] == done


def test_many_files_of_an_org_are_taken_in_once_each(tmp_path):
    files = [log_file(n, now() - (2 + n % 5) * HOUR) for n in range(30)]
    with (
        serving(*files) as org,
        collecting(tmp_path, org, {"event_log_file": {"settle": "0s"}}) as bench,
    ):
        bench.poll()

        assert uids(*files) == bench.stored()
        assert 30 == len(bench.asked("/LogFile?"))
