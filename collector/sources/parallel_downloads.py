"""Downloads log files a few at a time, and hands them on in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from collector.model import Batch
from collector.salesforce.call_counter import carry_purpose
from collector.sources.contract import FetchResult
from collector.sources.log_file import ListedLogFile

MAX_PARALLEL_DOWNLOADS = 4
"""Salesforce bounds long requests; so many leave room for others in the org."""

PendingDownload = Future[FetchResult]


def prefetch_files(
    files: Iterable[ListedLogFile], fetch: Callable[[ListedLogFile], FetchResult]
) -> Iterator[tuple[ListedLogFile, PendingDownload]]:
    """Each file with its download, in order, while the next ones are under way already.

    A caller that stops in the middle leaves nothing in the spool.
    """
    pending: deque[tuple[ListedLogFile, PendingDownload]] = deque()
    with ThreadPoolExecutor(MAX_PARALLEL_DOWNLOADS) as pool:
        try:
            for file in files:
                pending.append((file, pool.submit(carry_purpose(fetch), file)))
                if len(pending) == MAX_PARALLEL_DOWNLOADS:
                    yield pending.popleft()
            while pending:
                yield pending.popleft()
        finally:
            for _, download in pending:
                _discard_download(download)


def _discard_download(download: PendingDownload) -> None:
    if download.cancel():
        return
    # Whatever it raises is asked for again by the next poll, which will say so.
    with suppress(Exception):
        result = download.result()
        if isinstance(result, Batch):
            for segment in result.segments:
                segment.unlink(missing_ok=True)
