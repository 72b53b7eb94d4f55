"""Pages of one query: small ones where large ones are too long, and never without an end."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace

import pytest

from collector.errors import AnswerTooLongError, QueryTooWideError, UnreachableError
from collector.salesforce.json_documents import parse_query_page
from collector.salesforce.record_pages import (
    MAX_ANSWER_BYTES,
    MAX_ANSWER_RECORDS,
    MAX_EMPTY_PAGES,
    read_pages,
)


class Pages:
    """An org: `count` records of `size` bytes; it refuses pages of more than `max_bytes`."""

    def __init__(self, count, *, size=10, max_bytes=1 << 20, total=None):
        self.count, self.size, self.max_bytes = count, size, max_bytes
        self.total = count if total is None else total
        self.asked = []

    def fetch(self, locator, page_size):
        self.asked.append((locator, page_size))
        start = int(locator.partition("-")[2] or 0)
        end = min(start + page_size, self.count)
        if (end - start) * self.size > self.max_bytes:
            raise AnswerTooLongError("acme: query: the answer is longer than 1 MB")
        page = {
            "totalSize": self.total,
            "done": end >= self.count,
            "records": [{"Id": n, "Text": "x" * self.size} for n in range(start, end)],
        }
        if end < self.count:
            page["nextRecordsUrl"] = f"/services/data/v67.0/query/01g-{end}"
        return parse_query_page(json.dumps(page).encode())

    def read(self):
        return [record["Id"] for page in read_pages("acme: query", self.fetch) for record in page]


def test_pages_are_as_large_as_they_may_be():
    pages = Pages(4_100)

    assert pages.read() == list(range(4_100))
    assert pages.asked == [("", 2000), ("01g-2000", 2000), ("01g-4000", 2000)]


def test_from_the_first_that_is_too_long_on_they_are_small():
    pages = Pages(700, size=5_000)

    assert pages.read() == list(range(700))
    assert pages.asked == [
        *[("", 2000), ("", 200)],
        *[("01g-200", 200), ("01g-400", 200), ("01g-600", 200)],
    ]


def test_a_small_page_that_is_too_long_says_so():
    with pytest.raises(AnswerTooLongError, match="longer than 1 MB"):
        Pages(200, size=6_000).read()


def test_an_answer_that_announces_too_many_records_costs_one_call():
    pages = Pages(10, total=MAX_ANSWER_RECORDS + 1)

    with pytest.raises(QueryTooWideError, match="200,000 records"):
        pages.read()
    assert len(pages.asked) == 1


def read_until_too_wide(fetch):
    with pytest.raises(QueryTooWideError, match="200,000 records or 512 MB"):
        deque(read_pages("acme: query", fetch), maxlen=0)


@pytest.mark.slow
@pytest.mark.parametrize("total", [-1, 0, "many", None])
def test_an_answer_without_an_end_ends(total):
    pages = Pages(10**9)
    pages.total = total

    read_until_too_wide(pages.fetch)
    assert len(pages.asked) == MAX_ANSWER_RECORDS // 2000 + 1


def test_an_answer_of_empty_pages_ends():
    asked = []

    def fetch(locator, page_size):
        asked.append(locator)
        return parse_query_page(
            b'{"done": false, "records": [], "nextRecordsUrl": "/services/data/v67.0/query/01g-%d"}'
            % len(asked)
        )

    with pytest.raises(UnreachableError, match="page after page is empty"):
        list(read_pages("acme: query", fetch))
    assert len(asked) == MAX_EMPTY_PAGES


def test_an_answer_ends_by_its_bytes_too():
    page = parse_query_page(b'{"done": false, "records": [{"a": "%b"}]}' % (b"x" * (16 << 20)))
    asked = []

    def fetch(locator, page_size):
        asked.append(locator)
        link = f"/services/data/v67.0/query/01g-{len(asked)}"
        return replace(page, envelope={"done": False, "nextRecordsUrl": link})

    read_until_too_wide(fetch)
    assert len(asked) == MAX_ANSWER_BYTES >> 24


def test_a_record_that_is_not_json_is_no_answer():
    page = parse_query_page(b'{"done": true, "records": [{"a": 1}, {"a" 2}]}')
    records = iter(next(read_pages("acme: query", lambda *_: page)))

    assert next(records) == {"a": 1}
    with pytest.raises(UnreachableError, match="a record is not JSON"):
        next(records)
