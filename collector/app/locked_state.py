"""The state of a configuration for one process alone, clean of what an earlier death has left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from collector import clock
from collector.api.state_view import open_state_database
from collector.ingest.archive_claim import claim_archive
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.chain_upkeep import apply_chain_setting
from collector.ingest.repeated_alerts import notice_older_state
from collector.ingest.retired_files import delete_retired_files
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.settings import Settings
from collector.store import outbox, retired_files
from collector.store.database import Database
from collector.store.delivery_journal import DeliveryJournal
from collector.store.state_lock import hold_state_lock


@contextmanager
def open_locked_state(settings: Settings, paths: StatePaths) -> Iterator[Database]:
    """The state of a configuration, locked, clean of what an earlier death has left."""
    paths.create_folders()
    with hold_state_lock(paths.state_dir):
        database = open_state_database(settings)
        try:
            with database.hold_exclusively():
                _remove_leftovers(database, paths)
                apply_chain_setting(database, is_wanted=settings.archive.hash_chain)
                # The locks say that nobody else is alive: what was being sent is in doubt now,
                # and its next attempt says so.
                with database.begin() as connection:
                    outbox.release_leases(connection)
                _notice_older_state(database, paths)
                yield database
        finally:
            database.close()


def _notice_older_state(database: Database, paths: StatePaths) -> None:
    settled = notice_older_state(database, DeliveryJournal(paths.delivery_journal), now=clock.now())
    if settled is not None:
        log.warning("older_state_noticed", told_since=settled.told_since, marked=settled.marked)


def _remove_leftovers(database: Database, paths: StatePaths) -> None:
    claim_archive(database, paths.archive)
    shutil.rmtree(paths.spool, ignore_errors=True)
    paths.create_folders()
    now = clock.now()
    delete_retired_files(database, paths.archive, BatchesAtWork(), now=now)
    with database.read() as connection:
        known_paths = list(retired_files.list_known_paths(connection))
    target_root = paths.strays / f"{now:%Y%m%dT%H%M%S.%fZ}"
    strays = paths.archive.move_stray_files(known_paths, target_root=target_root)
    if strays:
        log.warning("strays_set_aside", files=strays, folder=str(target_root))
