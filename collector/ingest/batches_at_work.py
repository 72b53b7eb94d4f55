"""Which batches are being taken in: what touches their files waits, or leaves them alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BatchesAtWork:
    """The keys of batches that threads work on, each by one at a time. It is not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._keys: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    @contextmanager
    def hold_batch(self, key: str) -> Iterator[None]:
        """Wait until nobody works on a batch; then do so."""
        with self._changed:
            self._changed.wait_for(lambda: key not in self._keys)
            self._keys.add(key)
        try:
            yield
        finally:
            with self._changed:
                self._keys.discard(key)
                self._changed.notify_all()
