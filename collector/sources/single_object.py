"""A source that reads one ordinary object as one stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from collector.model import Cursor, Stream
from collector.sources import query_windows
from collector.sources.contract import FetchResult, SourceContext, UnavailableStream


class SingleObjectSource:
    """One object, read in windows; `permission` is what a user lacks who does not see it."""

    def __init__(
        self,
        kind: str,
        window_query: query_windows.WindowQuery,
        *,
        permission: str,
        poll_interval: timedelta,
        overlap: timedelta,
        lookback: timedelta,
    ) -> None:
        self.kind = kind
        self.poll_interval = poll_interval
        self._window_query = window_query
        self._permission = permission
        self._overlap = overlap
        self._lookback = lookback

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """The one stream, if the org shows the object to this user."""
        name = self._window_query.name
        stream = Stream(org=context.org, source=self.kind, name=name)
        if name in context.catalog.list_object_names():
            return [stream]
        reason = (
            f"the org does not show {name} to this user: it needs the permission {self._permission}"
        )
        return [UnavailableStream(stream=stream, reason=reason)]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """The windows since the cursor."""
        yield from query_windows.fetch_windows(
            context,
            stream,
            cursor,
            window_query=self._window_query,
            overlap=self._overlap,
            lookback=self._lookback,
        )
