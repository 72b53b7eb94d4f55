"""Asks for lists of committed files once, and answers from these while they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from collector.model import ArchiveFile

TimeSpan: TypeAlias = tuple[datetime, datetime]
"""A span of event time, both ends included."""

ListFiles: TypeAlias = Callable[[Sequence[str], TimeSpan], Sequence[ArchiveFile]]
"""The committed files of some event types of an org that may hold events of a span."""


@dataclass(frozen=True, slots=True)
class FileMemory:
    """A `ListFiles` for as long as nothing is committed."""

    list_files: ListFiles
    _known: dict[str, tuple[TimeSpan, Sequence[ArchiveFile]]] = field(default_factory=dict)

    def __call__(self, event_types: Sequence[str], span: TimeSpan) -> Sequence[ArchiveFile]:
        """The files of the types, one type after the other."""
        return [file for name in event_types for file in self._list_type(name, span)]

    def _list_type(self, event_type: str, span: TimeSpan) -> Sequence[ArchiveFile]:
        first, last = span
        known_span, files = self._known.get(event_type, (None, ()))
        if known_span is None or not known_span[0] <= first <= last <= known_span[1]:
            files = self.list_files([event_type], span)
            self._known[event_type] = (span, files)
        return [file for file in files if file.last_time >= first and file.first_time <= last]
