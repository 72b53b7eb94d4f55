"""Reads the objects of one source in windows; those that polls begin with, in common calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from collector.errors import QueryTooWideError, UnreachableError
from collector.model import Cursor, Stream
from collector.sources.contract import FetchResult, SourceContext
from collector.sources.query_window import QueryWindow
from collector.sources.query_windows import fetch_window_sequence

WindowPlan = Callable[[SourceContext, Stream, Cursor | None], QueryWindow]
"""The first window of a stream from its cursor on. Raises CollectorError."""


class BatchedWindows:
    """The windows of a source's objects. For one thread at a time.

    One that could not be read is asked alone until it can, so that it holds up no other.
    """

    def __init__(self, plan_window: WindowPlan) -> None:
        self._plan_window = plan_window
        self._slow_names: set[str] = set()

    def fetch_windows(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """The windows of a stream since the cursor; in a backfill it is asked alone, too."""
        plan = partial(self._plan_window, context)
        opened = None
        if context.window_batch is not None:
            context.window_batch.exclude_streams(self._slow_names)
            opened = context.window_batch.open_window(context.client, stream, plan)
        window = plan(stream, cursor) if opened is None else opened.window
        try:
            yield from fetch_window_sequence(
                context, window, cursor, first_pages=opened.pages if opened else None
            )
        except (UnreachableError, QueryTooWideError):
            self._slow_names.add(stream.name)
            raise
        self._slow_names.discard(stream.name)
