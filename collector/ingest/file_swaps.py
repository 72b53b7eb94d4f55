"""Which files were made of which others: a list that differs by that alone has the same events."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from collector.model import ArchiveFile

_MAX_SWAPS = 10_000
"""More of them are forgotten: whoever looked files up so long ago looks them up again."""


class FileSwaps:
    """The compacted files that this process has committed. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._replaced_by_path: OrderedDict[str, tuple[ArchiveFile, ...]] = OrderedDict()

    def record_swap(self, replaced: Iterable[ArchiveFile], file: ArchiveFile) -> None:
        """Note that a file has taken the place of others."""
        with self._lock:
            self._replaced_by_path[file.path] = tuple(replaced)
            while len(self._replaced_by_path) > _MAX_SWAPS:
                self._replaced_by_path.popitem(last=False)

    def list_sources(self, files: Iterable[ArchiveFile]) -> frozenset[ArchiveFile]:
        """The files, and for compacted ones what they were made of."""
        with self._lock:
            return frozenset(source for file in files for source in self._expand_file(file))

    def _expand_file(self, file: ArchiveFile) -> Iterator[ArchiveFile]:
        replaced = self._replaced_by_path.get(file.path)
        if replaced is None:
            yield file
            return
        for each in replaced:
            yield from self._expand_file(each)
