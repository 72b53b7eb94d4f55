"""The first windows of the streams that one poll reads, asked for several with one API call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from collector.errors import CollectorError
from collector.model import Cursor, Stream
from collector.sources.query_window import QueryWindow, assign_window_calls

if TYPE_CHECKING:  # a source's settings and facts are read without a client
    from collector.salesforce.client import SalesforceClient
    from collector.salesforce.record_pages import RecordPage

RecordPages: TypeAlias = "Iterator[RecordPage]"
WindowPlanner = Callable[[Stream, Cursor | None], QueryWindow]
"""The first window of a stream from its cursor on. Raises CollectorError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedWindow:
    """A window with its records, page by page; None where there is nothing to ask for."""

    window: QueryWindow
    pages: RecordPages | None


class WindowBatch:
    """The streams of one source that one poll reads, in their order, each with its cursor.

    For one thread. Whoever asks for the first window of a stream gets those of the next ones
    fetched with it, as many as the org answers with one call.
    """

    def __init__(self, cursors: Mapping[Stream, Cursor | None]) -> None:
        self._waiting = dict(cursors)
        self._opened: dict[Stream, OpenedWindow] = {}

    def open_window(
        self, client: SalesforceClient, stream: Stream, plan_window: WindowPlanner
    ) -> OpenedWindow | None:
        """The first window of a stream; None for one that is not, or no longer, in the batch."""
        if stream in self._waiting:
            self._open_together(client, stream, plan_window)
        return self._opened.pop(stream, None)

    def exclude_streams(self, names: Collection[str]) -> None:
        """Leave out streams that would hold up the others: they are to be asked alone."""
        for stream in [each for each in self._waiting if each.name in names]:
            del self._waiting[stream]

    def _open_together(
        self, client: SalesforceClient, first: Stream, plan_window: WindowPlanner
    ) -> None:
        windows = [plan_window(first, self._waiting.pop(first))]
        for stream in list(self._waiting):
            if len(windows) == client.queries_per_call:
                break
            cursor = self._waiting.pop(stream)
            # What cannot be planned now says so when its own turn comes.
            with suppress(CollectorError):
                window = plan_window(stream, cursor)
                windows += [window] if window.start < window.horizon else []
        wanted = [window for window in windows if window.start < window.horizon]
        with assign_window_calls(windows[0]):
            pages = client.query_several([window.build_soql() for window in wanted])
        for window, found in zip(wanted, pages, strict=True):
            self._opened[window.stream] = OpenedWindow(window=window, pages=found)
