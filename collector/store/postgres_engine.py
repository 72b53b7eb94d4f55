"""Connections to a state database on a PostgreSQL server: each wait for it has a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from collector import clock
from collector.errors import CollectorError, StateBusyError

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_SECONDS = 4
ANSWER_SECONDS = 30.0
"""How long a statement may take; a server that is frozen says nothing for longer."""

LAST_ANSWER_SECONDS = 2.0
"""The same once we were asked to end."""

LOCK_SECONDS = 10

EXCLUSIVE_LOCK = 0x5F_C011_EC70
"""The number of the advisory lock of whoever works with a database; any will do."""


_Answer = TypeVar("_Answer")


class ServerPatience:
    """How long to wait for an answer of the server."""

    def __init__(self) -> None:
        self._stop_event: threading.Event | None = None

    def end_with(self, stop_event: threading.Event) -> None:
        """Wait for a moment only once this is set."""
        self._stop_event = stop_event

    def is_over(self, started: float) -> bool:
        """Whether a wait that began then (monotonic seconds) has lasted long enough."""
        is_ending = self._stop_event is not None and self._stop_event.is_set()
        limit = LAST_ANSWER_SECONDS if is_ending else ANSWER_SECONDS
        return clock.monotonic() - started > limit


def create_engine(url: str, patience: ServerPatience) -> sa.Engine:
    """An engine for a `database_url`.

    Raises:
        CollectorError: it is no URL of PostgreSQL, or its driver is not installed.
    """
    try:
        engine = sa.create_engine(
            url,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "options": (
                    f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={ANSWER_SECONDS}s"
                ),
            },
        )
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise CollectorError(
            "database_url is not usable: give postgresql+psycopg://user:password@host/name and "
            "install collector[postgres]"
        ) from error
    if engine.dialect.driver == "psycopg":
        connect = _build_connect(patience)
        sa.event.listen(engine, "do_connect", lambda _d, _r, args, named: connect(*args, **named))
    return engine


@contextmanager
def hold_exclusive_lock(engine: sa.Engine, place: str) -> Iterator[None]:
    """Hold the database for this process alone, as long as its connection lives.

    Raises:
        StateBusyError: another process holds it, with whatever state directory.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        query = sa.text("SELECT pg_try_advisory_lock(:key)")
        if not connection.scalar(query, {"key": EXCLUSIVE_LOCK}):
            raise StateBusyError(
                f"the state database {place} is in use by another collector, with a state_dir of"
                " its own: one collector works with a database. Stop the other one first, or give"
                " this one a database of its own"
            )
        try:
            yield
        finally:
            connection.invalidate()  # The lock is the session's: it must not go back to the pool.


def _build_connect(patience: ServerPatience) -> Callable[..., Connection[Any]]:
    """What opens a connection each wait of which ends by the patience."""
    # The driver is an extra.
    import psycopg  # noqa: PLC0415

    class PatientConnection(psycopg.Connection[Any]):
        """A connection that breaks itself where the server does not answer."""

        def wait(self, gen: Generator[Any, Any, _Answer], *args: Any, **named: Any) -> _Answer:
            return super().wait(self._end_in_time(gen), *args, **named)

        def _end_in_time(self, gen: Generator[Any, Any, _Answer]) -> Generator[Any, Any, _Answer]:
            started = clock.monotonic()
            try:
                ready = yield next(gen)
                while True:
                    if not ready and patience.is_over(started):
                        self.pgconn.finish()
                        raise psycopg.OperationalError("the server does not answer")
                    ready = yield gen.send(ready)
            except StopIteration as end:
                answer: _Answer = end.value
                return answer

    return PatientConnection.connect
