"""All pages of one query: bounded in number and size, each as small as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from collector.errors import (
    AnswerTooLongError,
    EndlessAnswerError,
    QueryTooWideError,
    UnreachableError,
)
from collector.salesforce import page_watch, responses
from collector.salesforce.connection import LARGE_PAGE, SMALL_PAGE

MAX_ANSWER_RECORDS = 200_000
MAX_ANSWER_BYTES = 512 << 20
MAX_PAGES = 250
MAX_EMPTY_PAGES = 5
"""The most of one answer. Whoever asks about a stretch of time asks about a shorter one then."""


class Page(Protocol):
    """One page of what a query finds, with what stands around its records."""

    @property
    def envelope(self) -> Mapping[str, Any]:
        """`done`, `totalSize`, `nextRecordsUrl`."""
        ...

    @property
    def size(self) -> int:
        """Its bytes, as far as they are held."""
        ...

    def __len__(self) -> int:
        """How many records it has."""
        ...

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The records, as Salesforce writes them. Raises ValueError for one that is not JSON."""
        ...


FetchPage = Callable[[str, int], Page]
"""Fetches the page of a locator (the first one if it is empty), of at most so many records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """The records of one page, parsed one at a time, without the `attributes` of each object.

    `where` names the org and what was asked.
    """

    where: str
    page: Page

    def __len__(self) -> int:
        return len(self.page)

    def __contains__(self, record: object) -> bool:
        return any(own == record for own in self)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Raises UnreachableError for a record that is not JSON."""
        try:
            for record in self.page:
                yield responses.strip_attributes(record)
        except ValueError:
            raise UnreachableError(f"{self.where}: a record is not JSON") from None


def read_pages(
    where: str, fetch_page: FetchPage, *, first_page: Page | None = None
) -> Iterator[RecordPage]:
    """The pages, each fetched when it is wanted; small ones from the first that is too long on.

    `first_page` is the first one where somebody has fetched it already.

    Raises:
        AnswerTooLongError: even a small page is too long.
        QueryTooWideError: the whole is, as its first page says.
        EndlessAnswerError: the whole is, and its first page did not say so.
        UnreachableError: a page neither is the last nor leads on, or the pages go on without
            records.
        CollectorError: no further page may be asked for (`page_watch`).
    """
    locator, page_size, records, size, empty_pages = "", LARGE_PAGE, 0, 0, 0
    for number in range(MAX_PAGES):
        if number:
            page_watch.check_next_page()
        try:
            page = fetch_page(locator, page_size) if first_page is None else first_page
        except AnswerTooLongError:
            page, page_size = fetch_page(locator, SMALL_PAGE), SMALL_PAGE
        first_page = None
        empty_pages = 0 if len(page) else empty_pages + 1
        locator = responses.parse_next_locator(where, page.envelope, locator)
        records, size = records + len(page), size + page.size
        if max(records, _read_total(page)) > MAX_ANSWER_RECORDS or size > MAX_ANSWER_BYTES:
            raise _build_size_error(where, page_count=number + 1)
        if locator and empty_pages == MAX_EMPTY_PAGES:
            # Narrower windows would be asked in vain: that is no answer that is too large.
            raise UnreachableError(f"{where}: page after page is empty, and none is the last")
        yield RecordPage(where=where, page=page)
        if not locator:
            return
    raise EndlessAnswerError(f"{where}: the answer goes on after {MAX_PAGES:,} pages")


def _build_size_error(where: str, *, page_count: int) -> QueryTooWideError:
    """The error for an answer that is too large; its first page may have said so."""
    limits = f"{MAX_ANSWER_RECORDS:,} records or {MAX_ANSWER_BYTES >> 20} MB"
    if page_count == 1:
        return QueryTooWideError(f"{where}: the answer has more than {limits}")
    return EndlessAnswerError(
        f"{where}: the answer goes on after {page_count:,} pages: more than {limits}"
    )


def _read_total(page: Page) -> int:
    """How many records there are on all pages, as far as the org says so."""
    total = page.envelope.get("totalSize")
    return total if isinstance(total, int) else 0
