"""A source that reads one ordinary object as one stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.model import Cursor, Stream
from collector.sources import query_windows
from collector.sources.availability import check_object
from collector.sources.contract import FetchResult, SourceContext, UnavailableStream
from collector.sources.query_window import WindowQuery


class SingleObjectReader:
    """One object, read in windows; `needs` is what a user lacks who does not see it."""

    def __init__(
        self,
        kind: str,
        window_query: WindowQuery,
        settings: query_windows.WindowSettings,
        *,
        needs: str,
    ) -> None:
        self._kind = kind
        self._window_query = window_query
        self._settings = settings
        self._needs = needs

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """The one stream, if the org shows the object to this user."""
        stream = Stream(org=context.org, source=self._kind, name=self._window_query.name)
        return [check_object(context, stream, self._needs)]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """The windows since the cursor."""
        yield from query_windows.fetch_windows(
            context, stream, cursor, window_query=self._window_query, settings=self._settings
        )
