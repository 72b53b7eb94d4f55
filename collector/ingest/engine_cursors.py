"""Cursors of one engine for work in several threads, which can be cut short together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from collector import engine
from collector.errors import StoppedError


class EngineCursors:
    """Hands out cursors of an engine."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._open_cursors: list[duckdb.DuckDBPyConnection] = []
        self._is_interrupted = False

    @contextmanager
    def open_cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one thread.

        Raises:
            StoppedError: queries were interrupted, before or meanwhile.
        """
        with self._lock:
            self.raise_if_interrupted()
            cursor = engine.open_cursor(self._connection)
            self._open_cursors.append(cursor)
        try:
            yield cursor
        except duckdb.InterruptException:
            raise StoppedError("stopped in the middle of a query") from None
        finally:
            with self._lock:
                self._open_cursors.remove(cursor)
                cursor.close()

    def interrupt_queries(self) -> None:
        """End what the cursors are doing; no further one is opened."""
        with self._lock:
            self._is_interrupted = True
            for cursor in self._open_cursors:
                cursor.interrupt()

    def raise_if_interrupted(self) -> None:
        """Raises StoppedError if they were: what a query has returned since may be incomplete."""
        if self._is_interrupted:
            raise StoppedError("stopped in the middle of a query")
