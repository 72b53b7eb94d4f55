"""Restores the state of a configuration from a snapshot or a backup, and goes on from there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from collector import clock, engine
from collector.api.restoration import RestoreReport
from collector.app.configured_parts import build_channels, build_routes, choose_engine_shares
from collector.app.pruned_files import expire_lost_files
from collector.backup import restoration
from collector.backup.restoration import ArchivePlan, ChosenCopy, RestoreSource
from collector.backup.snapshots import find_snapshot_folder
from collector.backup.state_copies import StateCopy
from collector.backup.state_swap import find_last_change, swap_state
from collector.errors import BackupError
from collector.ingest.adoption import AdoptedFiles, adopt_files, find_replaced_paths
from collector.ingest.pipeline import Pipeline
from collector.ingest.repeated_alerts import settle_restored_state
from collector.ingest.state_paths import StatePaths
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import load_sound_rules
from collector.settings import Settings
from collector.store import batch_inventory, outbox, retired_files
from collector.store.batch_inventory import StoredBatch
from collector.store.database import DATABASE_FILE_NAME, Database, open_database
from collector.store.delivery_journal import DeliveryJournal
from collector.store.restorations import Restoration
from collector.store.state_lock import hold_state_lock


def plan_restoration(
    settings: Settings,
    folder: Path | None,
    *,
    name: str,
    report_progress: Callable[[float], object],
) -> RestoreReport:
    """What `restore_state` would do. It checks all that it would put back, and changes nothing.

    Raises:
        BackupError: it could not be done.
    """
    run = _RestoreRun.prepare(settings, folder, report_progress)
    chosen = run.choose_copy(name)
    with TemporaryDirectory() as scratch, _copy_state(chosen.copy, Path(scratch)) as database:
        plan = run.drop_replaced(database, run.plan_archive(database))
    refused = restoration.check_archive_copies(
        run.source, chosen.copy, plan, lambda: report_progress(1 / len(plan.wanted))
    )
    return RestoreReport(chosen=chosen, archive=plan, refused_files=refused)


def restore_state(
    settings: Settings,
    folder: Path | None,
    *,
    name: str,
    report_progress: Callable[[float], object],
) -> RestoreReport:
    """Put a copy of the state back, with what is missing of the archive, and keep the present one.

    `folder` has backups or snapshots; None is the snapshots of the configuration. `name` is that of
    a copy, or `latest`. What the archive has beyond the copy joins its ledger, and the rules run
    over it. Until all of that is done the present state stays as it is: run it again after an
    interruption. `report_progress` is given the share of the work, 0 to 1, that was done since the
    last call.

    Raises:
        BackupError: there is no good copy, it is of another archive, or the state is on a server.
        RulesError: there are no rules to go on with.
        StateBusyError: a collector works on the directory.
    """
    run = _RestoreRun.prepare(settings, folder, report_progress)
    run.paths.create_folders()
    with hold_state_lock(run.paths.state_dir):
        return run.restore_state(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RestoreRun:
    settings: Settings
    paths: StatePaths
    source: RestoreSource
    report_progress: Callable[[float], object]

    @classmethod
    def prepare(
        cls,
        settings: Settings,
        folder: Path | None,
        report_progress: Callable[[float], object],
    ) -> _RestoreRun:
        if settings.database_url is not None:
            raise BackupError(
                "the state lies on a database server: put it back with the server's own tool, such"
                " as `pg_restore`, and then start the collector"
            )
        return cls(
            settings=settings,
            paths=StatePaths(state_dir=settings.state_dir),
            source=RestoreSource.find(folder or find_snapshot_folder(settings)),
            report_progress=report_progress,
        )

    def choose_copy(self, name: str) -> ChosenCopy:
        chosen = restoration.choose_copy(self.source, name)
        ledger_id = chosen.copy.manifest.ledger
        archive_id = self.paths.archive.read_ledger_id()
        if archive_id not in (None, ledger_id) and self.paths.archive.has_event_files():
            raise BackupError(
                f"{chosen.copy.folder} is the state of another archive than"
                f" {self.paths.archive.place}: check `state_dir`, or move that archive away."
                " Nothing was changed"
            )
        return chosen

    def plan_archive(self, database: Database) -> ArchivePlan:
        """What is to become of the files that a state names, but for those that were pruned."""
        files = restoration.list_named_files(database)
        plan = restoration.plan_archive(self.paths, self.source, files)
        return replace(plan, lost=expire_lost_files(database, self.settings, plan.lost))

    def drop_replaced(self, database: Database, plan: ArchivePlan) -> ArchivePlan:
        """The plan without lost files whose events are in others, which would join the state."""
        if not plan.lost:
            return plan
        with closing(engine.open_engine()) as connection:
            replaced = find_replaced_paths(database, connection, self.paths)
        return replace(plan, lost=tuple(each for each in plan.lost if each.path not in replaced))

    def restore_state(self, name: str) -> RestoreReport:
        now = clock.now()
        chosen = self.choose_copy(name)
        until = find_last_change(self.paths.state_dir) or now
        shutil.rmtree(self.paths.restoring, ignore_errors=True)
        self.paths.restoring.mkdir(mode=0o700)
        with _copy_state(chosen.copy, self.paths.restoring) as database:
            report = self._complete_state(database, chosen, Restoration(restored=now, until=until))
        prepared = self.paths.restoring / DATABASE_FILE_NAME
        evidence = swap_state(self.paths, prepared, now=now)
        shutil.rmtree(self.paths.restoring, ignore_errors=True)
        return replace(report, evidence=evidence)

    def _complete_state(
        self, database: Database, chosen: ChosenCopy, restored: Restoration
    ) -> RestoreReport:
        """Bring archive and state together, and let the state know what happened since."""
        plan = self.plan_archive(database)
        refused = restoration.put_archive_back(
            self.paths,
            self.source,
            chosen.copy,
            plan,
            lambda: self.report_progress(1 / len(plan.wanted) / 3),
        )
        restoration.put_side_files_back(self.paths, chosen.copy)
        if chosen.copy.manifest.ledger:
            self.paths.archive.write_ledger_id(chosen.copy.manifest.ledger)
        journal = DeliveryJournal(self.paths.delivery_journal)
        with database.begin() as connection:
            outbox.release_leases(connection)
            messages = settle_restored_state(connection, journal, restored)
        with database.read() as connection:
            known_paths = list(retired_files.list_known_paths(connection))
        newer_paths = self.paths.archive.list_uncommitted_paths(known_paths)
        adopted, found = self._adopt_files(database, newer_paths)
        plan = self._drop_replaced_files(database, plan)
        return RestoreReport(
            chosen=chosen,
            archive=plan,
            refused_files=refused,
            adopted=adopted,
            found_alerts=found,
            messages=messages,
        )

    def _drop_replaced_files(self, database: Database, plan: ArchivePlan) -> ArchivePlan:
        """The plan without lost files that the state does not name any more: others have theirs."""
        named = {file.path for file in restoration.list_named_files(database)}
        return replace(plan, lost=tuple(file for file in plan.lost if file.path in named))

    def _adopt_files(self, database: Database, newer_paths: list[str]) -> tuple[AdoptedFiles, int]:
        """Enter files that the copy did not know, and run the rules over them."""
        if not newer_paths:
            return AdoptedFiles(), 0
        rules = load_sound_rules(
            self.settings.rules, schema=build_event_schema(self.settings)
        ).rules
        with database.read() as state:
            known = batch_inventory.list_stored_batches(state)
        shares = choose_engine_shares(self.settings.engine)
        connection = engine.open_engine(self.paths.spool, resources=shares.main)
        try:
            adopted = adopt_files(
                database, connection, self.paths, lambda share: self.report_progress(share / 3)
            )
            pipeline = Pipeline(
                database=database,
                connection=connection,
                paths=self.paths,
                rules=rules,
                routes=build_routes(self.settings),
                channels=tuple(build_channels(self.settings)),
                engine_shares=shares,
            )
            keys = _list_joined_batches(database, known)
            found = 0
            for key in keys:
                found += len(pipeline.rematch_batch(key))
                self.report_progress(1 / len(keys) / 3)
        finally:
            connection.close()
        return adopted, found


def _list_joined_batches(database: Database, known: Mapping[str, StoredBatch]) -> list[str]:
    """The batches of which a ledger has more than was known, in the order in which they came.

    Files say nothing of that: a compacted one may have taken the place of those that were known.
    """
    with database.read() as state:
        stored = batch_inventory.list_stored_batches(state)
    joined = [
        key for key, batch in stored.items() if key not in known or batch.rows > known[key].rows
    ]
    return sorted(joined, key=lambda key: (stored[key].received, key))


@contextmanager
def _copy_state(copy: StateCopy, folder: Path) -> Iterator[Database]:
    """A copy of the copy in a folder, migrated: it may come from an earlier version."""
    target = folder / DATABASE_FILE_NAME
    shutil.copyfile(copy.database, target)
    target.chmod(0o600)
    database = open_database(folder)
    try:
        yield database
    finally:
        database.close()
