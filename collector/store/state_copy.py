"""Copies a state database while others work on it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from collector import clock
from collector.durable_files import sync_path
from collector.errors import DamagedStateError, StoppedError
from collector.store.state_check import (
    COPY_DEPTH,
    UNREADABLE_WORDS,
    choose_error_type,
    find_damage,
)

STEP_PAGES = 512
"""Pages that are copied between two pauses: 2 MB."""

PAUSE_SECONDS = 0.005
"""Seconds between two steps, in which the disk is for others."""

_BUSY_SECONDS = 5.0
_WATCH_SECONDS = 0.1


def copy_database(source: Path, target: Path, *, stop_event: threading.Event) -> None:
    """Write a consistent copy of a SQLite database into a new file, which then is on the disk.

    Nobody waits for it: it reads the state of one moment, and whoever writes meanwhile writes on.
    The copy was checked; the file is whole in itself.

    Raises:
        DamagedStateError: the database is damaged, and so would its copy be.
        StateDatabaseError: it cannot be read.
        StoppedError: `stop_event` was set; an unfinished copy stays.
        OSError: the copy cannot be written.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    try:
        damage = _copy_pages(source, target, stop_event)
    except UnicodeDecodeError:
        damage = UNREADABLE_WORDS
    except sqlite3.DatabaseError as error:
        raise choose_error_type(error)(
            f"the state database {source} cannot be copied: {error}"
        ) from None
    if damage:
        raise DamagedStateError(f"the state database {source} is damaged ({damage})")
    sync_path(target)


def check_copy(path: Path) -> None:
    """Open such a copy once, as it will be opened, and look at all of it; nothing is changed.

    Raises:
        DamagedStateError: it is damaged.
        StateDatabaseError: it cannot be read.
    """
    try:
        with closing(_connect(path, "mode=ro&immutable=1")) as connection:
            damage = find_damage(connection, COPY_DEPTH)
    except sqlite3.DatabaseError as error:
        raise choose_error_type(error)(f"{path} cannot be opened: {error}") from None
    if damage:
        raise DamagedStateError(f"{path} is damaged ({damage})")


def read_schema(path: Path) -> str:
    """The schema of such a copy. Raises StateDatabaseError where it does not say."""
    try:
        with closing(_connect(path, "mode=ro&immutable=1")) as connection:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.DatabaseError as error:
        raise choose_error_type(error)(f"{path} cannot be read: {error}") from None
    if len(rows) != 1:
        raise DamagedStateError(f"{path} does not say which schema it has")
    return str(rows[0][0])


def _copy_pages(source: Path, target: Path, stop_event: threading.Event) -> str:
    def pause(*_: int) -> None:
        if clock.wait(PAUSE_SECONDS, stop_event):
            raise StoppedError("asked to end while the state was copied")

    with (
        closing(_connect(source, "mode=rw")) as reader,
        closing(_connect(target, "mode=rw")) as writer,
    ):
        # Within a transaction it is one moment that is read: the copy need not begin anew.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reader.backup(writer, pages=STEP_PAGES, progress=pause)
        reader.execute("COMMIT")
        writer.execute("PRAGMA journal_mode = DELETE")  # so that no other file belongs to it
        with _interrupt_on_stop(writer, stop_event):
            damage = find_damage(writer, COPY_DEPTH)
        pause()
        return damage


@contextmanager
def _interrupt_on_stop(
    connection: sqlite3.Connection, stop_event: threading.Event
) -> Iterator[None]:
    """Cut short what the connection is doing once the event is set: a check takes seconds."""
    ended = threading.Event()

    def watch_event() -> None:
        while not ended.is_set():
            if stop_event.wait(_WATCH_SECONDS):
                connection.interrupt()
                return

    watch = threading.Thread(target=watch_event, name="watch-copy", daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?{mode}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )
