"""Opens the state of a configuration for reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from collector.api.readable_files import select_present_files
from collector.backup.advice import advise_on_damage
from collector.errors import ArchiveWithoutLedgerError, CollectorError
from collector.ingest.archive_claim import check_archive_known, explain_conflict
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.settings import Settings
from collector.store import ledger
from collector.store.database import (
    DATABASE_FILE_NAME,
    Database,
    open_database,
    open_database_for_reading,
)


def open_state_database(settings: Settings) -> Database:
    """The state database of a configuration, to work with.

    Raises:
        CollectorError: it cannot be opened.
        DamagedStateError: it is damaged; the message says what to do.
    """
    with advise_on_damage(settings):
        return open_database(settings.state_dir, _reveal_url(settings))


@contextmanager
def open_writable_state(settings: Settings) -> Iterator[sa.Connection]:
    """A transaction on the state, beside a daemon that may be at work on it.

    Raises CollectorError where there is no state yet, it cannot be opened, or it is not that of the
    archive.
    """
    with open_existing_database(settings) as database, database.begin() as connection:
        yield connection


@contextmanager
def open_state_view(settings: Settings) -> Iterator[sa.Connection]:
    """A consistent view of the state, which is not created where there is none.

    It needs no lock, and no permission to write.

    Raises CollectorError where there is no state yet, it cannot be opened, or it is not that of the
    archive.
    """
    with open_existing_database(settings) as database, database.read() as connection:
        yield connection


@contextmanager
def open_existing_database(settings: Settings) -> Iterator[Database]:
    """The state, beside a daemon that may be at work on it, for several transactions.

    Raises CollectorError where there is no state yet, it cannot be opened, or it is not that of the
    archive.
    """
    state = settings.state_dir / DATABASE_FILE_NAME
    archive = StatePaths(state_dir=settings.state_dir).archive
    if settings.database_url is None and not state.exists():
        file_count = archive.count_event_files()
        if file_count:
            raise ArchiveWithoutLedgerError(explain_conflict(str(state), archive, file_count))
        raise CollectorError(
            f"nothing has been collected yet: there is no {state}; `collector run` makes it"
        )
    with advise_on_damage(settings):
        database = open_database_for_reading(settings.state_dir, _reveal_url(settings))
        try:
            check_archive_known(database, archive)
            yield database
        finally:
            database.close()


def read_archive_files(settings: Settings, *, org: str | None = None) -> list[ArchiveFile]:
    """The committed files of the archive, of one org or of all.

    Those that are not there any more are left out, and logged.

    Raises CollectorError where there is no state, or no file, or none that is still there.
    """
    return select_readable_files(settings, list_committed_files(settings, org=org))


def list_committed_files(settings: Settings, *, org: str | None = None) -> list[ArchiveFile]:
    """The committed files of the archive, whether they are still there or not.

    Raises CollectorError where there is no state, or no file.
    """
    with open_state_view(settings) as connection:
        files = ledger.list_archive_files(connection, org=org)
    if not files:
        raise CollectorError("the archive is empty: no event has been collected yet")
    return files


def select_readable_files(settings: Settings, files: Sequence[ArchiveFile]) -> list[ArchiveFile]:
    """Those of the committed files that are still there; the others are logged.

    Raises CollectorError where there is none.
    """
    archive = StatePaths(state_dir=settings.state_dir).archive
    archive.check_readable()
    present = select_present_files(archive, files)
    if not present:
        raise CollectorError(
            f"none of the {len(files):,} files of the archive {archive.place} is there as it was:"
            " is its volume mounted? `collector status` names them"
        )
    return present


def _reveal_url(settings: Settings) -> str | None:
    return settings.database_url.reveal() if settings.database_url else None
