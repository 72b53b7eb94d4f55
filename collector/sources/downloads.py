"""Downloads log files a few at a time, and hands them on in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from collector.model import Batch
from collector.sources.contract import Fetched
from collector.sources.log_file import LogFile

AT_ONCE = 4
"""Salesforce bounds long requests; with so many nobody else in the org will notice us."""

Download = Future[Fetched]


def ahead(
    files: Iterable[LogFile], fetch: Callable[[LogFile], Fetched]
) -> Iterator[tuple[LogFile, Download]]:
    """Each file with its download, in order, while the next ones are under way already.

    Whoever stops in the middle leaves nothing in the spool.
    """
    waiting: deque[tuple[LogFile, Download]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for file in files:
                waiting.append((file, pool.submit(fetch, file)))
                if len(waiting) == AT_ONCE:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for _, download in waiting:
                _throw_away(download)


def _throw_away(download: Download) -> None:
    if download.cancel():
        return
    # Whatever it raises is asked for again by the next poll, which will say so.
    with suppress(Exception):
        fetched = download.result()
        if isinstance(fetched, Batch):
            for segment in fetched.segments:
                segment.unlink(missing_ok=True)
