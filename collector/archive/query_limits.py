"""What a person's query may take: time until its last row is here, and memory for its rows."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sys import getsizeof
from typing import Any

import duckdb

from collector.errors import HuntError, HuntLimitError

MAX_ANSWER_BYTES = 256 << 20
MAX_FURTHER_BYTES = 2 << 30
"""Address space, for the engine and the rows."""

MAX_NESTING = 50
"""Lists and structs inside one another in a value: what reads them is recursive."""

_MEMORY_FILE = Path("/proc/self/statm")
_INTERRUPT_SECONDS = 0.1
_PIECE_ROWS = 50
"""The rows that are fetched at once: so many may be beyond what may be held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The time that a connection has for all that a query takes."""

    seconds: float
    expired: threading.Event

    def check(self) -> None:
        """Raise HuntLimitError once the time is over."""
        if self.expired.is_set():
            raise HuntLimitError(f"the query took more than {self.seconds:g} seconds; narrow it")


@contextmanager
def limit_memory() -> Iterator[None]:
    """Let this whole process have so much more memory in the block and no more.

    The engine's own limit leaves out long texts. Where the system cannot say what the process has,
    nothing is limited.

    Raises:
        HuntLimitError: it was not enough.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        pages = int(_MEMORY_FILE.read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + MAX_FURTHER_BYTES
        soft = limit if before[0] == resource.RLIM_INFINITY else min(limit, before[0])
        resource.setrlimit(resource.RLIMIT_AS, (soft, before[1]))
    except OSError:
        yield
        return
    try:
        yield
    except MemoryError:
        raise HuntLimitError("the query takes more memory than it may; ask for less") from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def limit_time(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[Deadline]:
    """Interrupt whatever the connection does after so many seconds.

    Raises:
        HuntLimitError: the time was over before the end of the block.
    """
    deadline = Deadline(seconds=seconds, expired=threading.Event())
    ended = threading.Event()
    watcher = threading.Thread(
        target=_interrupt_late, args=(connection, deadline, ended), daemon=True
    )
    watcher.start()
    try:
        yield deadline
    except duckdb.InterruptException:
        deadline.expired.set()
    finally:
        ended.set()
        watcher.join()
    deadline.check()


def _interrupt_late(
    connection: duckdb.DuckDBPyConnection, deadline: Deadline, ended: threading.Event
) -> None:
    if ended.wait(deadline.seconds):
        return
    deadline.expired.set()
    # Again and again: an interrupt between two steps is forgotten by the engine.
    while not ended.is_set():
        connection.interrupt()
        ended.wait(_INTERRUPT_SECONDS)


def fetch_rows(
    result: duckdb.DuckDBPyConnection, *, count: int, deadline: Deadline
) -> list[tuple[Any, ...]]:
    """At most so many rows of a result.

    Raises:
        HuntLimitError: they take too much memory or time.
        HuntError: Python has no form for a value.
    """
    rows: list[tuple[Any, ...]] = []
    size = 0
    while len(rows) < count:
        piece = _fetch_piece(result, min(_PIECE_ROWS, count - len(rows)))
        deadline.check()
        if not piece:
            break
        size += sum(_measure_value(row, MAX_NESTING + 1) for row in piece)
        if size > MAX_ANSWER_BYTES:
            raise HuntLimitError(
                f"the answer has more than {MAX_ANSWER_BYTES >> 20} MB after {len(rows):,} rows;"
                " ask for fewer rows or shorter values"
            )
        rows += piece
    return rows


def _fetch_piece(result: duckdb.DuckDBPyConnection, count: int) -> list[tuple[Any, ...]]:
    try:
        return result.fetchmany(count)
    except (ArithmeticError, ImportError, LookupError, TypeError, ValueError) as error:
        raise HuntError(f"a value cannot be shown, cast it to VARCHAR: {error}") from None


def _measure_value(value: object, levels: int) -> int:
    """About how many bytes a value takes. Raises HuntError where it is nested deeper."""
    if levels < 0:
        raise HuntLimitError(f"a value is nested more than {MAX_NESTING} levels deep")
    size = getsizeof(value)
    if isinstance(value, Mapping):
        size += sum(
            _measure_value(key, levels - 1) + _measure_value(each, levels - 1)
            for key, each in value.items()
        )
    elif isinstance(value, list | tuple):
        size += sum(_measure_value(each, levels - 1) for each in value)
    return size
