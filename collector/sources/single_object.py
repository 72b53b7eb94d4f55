"""A source that reads one ordinary object as one stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from collector.model import Cursor, Stream
from collector.sources import windows
from collector.sources.contract import Context, Fetched, Unavailable


class SingleObject:
    """One object, read in windows; `permission` is what a user lacks who does not see it."""

    def __init__(
        self,
        kind: str,
        windowed: windows.Windowed,
        *,
        permission: str,
        every: timedelta,
        overlap: timedelta,
        lookback: timedelta,
    ) -> None:
        self.kind = kind
        self.every = every
        self._windowed = windowed
        self._permission = permission
        self._overlap = overlap
        self._lookback = lookback

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """The one stream, if the org shows the object to this user."""
        name = self._windowed.name
        stream = Stream(org=context.org, source=self.kind, name=name)
        if name in context.catalog.object_names():
            return [stream]
        reason = (
            f"the org does not show {name} to this user: it needs the permission {self._permission}"
        )
        return [Unavailable(stream=stream, reason=reason)]

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Fetched]:
        """The windows since the cursor."""
        yield from windows.fetch(
            context,
            stream,
            cursor,
            windowed=self._windowed,
            overlap=self._overlap,
            lookback=self._lookback,
        )
