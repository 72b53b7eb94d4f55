"""How wide the windows of streams may be whose wider ones could not be read to their end."""

from __future__ import annotations

from datetime import timedelta

from collector.model import Stream

INITIAL_WIDTH = timedelta(hours=6)


class WindowWidths:
    """The width that each stream begins with. Forgotten with the process, and learnt anew."""

    def __init__(self) -> None:
        self._widths: dict[Stream, timedelta] = {}

    def find_width(self, stream: Stream) -> timedelta:
        """How wide its first window may be."""
        return self._widths.get(stream, INITIAL_WIDTH)

    def narrow(self, stream: Stream, width: timedelta) -> None:
        """Begin with that width from now on."""
        self._widths[stream] = width

    def widen(self, stream: Stream, width: timedelta) -> None:
        """Begin with that width, which has been read, if the stream begins with a narrower one."""
        if width >= INITIAL_WIDTH:
            self._widths.pop(stream, None)
        elif stream in self._widths:
            self._widths[stream] = width
