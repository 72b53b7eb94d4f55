"""Whether every committed file is what was committed, and the hash chain what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta

from collector import clock, engine
from collector.api.json_values import JsonObject, to_json_object
from collector.api.known_orgs import require_known_org
from collector.api.state_view import open_existing_database
from collector.archive.file_verification import FileVerdict
from collector.errors import CollectorError, StateBusyError, StateDatabaseError
from collector.ingest.archive_verification import (
    record_verdicts,
    settle_reports,
    verify_committed_file,
)
from collector.ingest.engine_cursors import EngineCursors
from collector.ingest.file_guard import FileGuard
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile, DamageState
from collector.settings import Settings
from collector.store import chain_walk, damaged_files, file_verification
from collector.store.chain_walk import ChainReport
from collector.store.database import Database
from collector.store.file_verification import FileSelection
from collector.store.hash_chain import ChainHead
from collector.store.state_lock import hold_state_lock

__all__ = [
    "AlteredFile",
    "ArchiveVerification",
    "ChainHead",
    "ChainReport",
    "to_json",
    "verify_archive",
]

THREADS = 2
_FILES_AT_ONCE = 256

BUSY_OUTCOME = "the collector at work is told, and sets it aside within some minutes"
MISCOUNT_OUTCOME = (
    "every byte of it is as it was committed, and it stays: the state database is wrong"
)
_OUTCOMES = {
    DamageState.WAITING: (
        "it is set aside, and its events are asked for again while the org has them"
    ),
    DamageState.LOST: "it is set aside, and no org can be asked for its events again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlteredFile:
    """A file that is not what was committed: what is wrong, and what happens next."""

    org: str
    event_type: str
    path: str
    rows: int
    reason: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveVerification:
    """What was found.

    Attributes:
        files, events, bytes: what is as it was committed.
        unhashed_files: those of them that had no hash, and have one from now on.
        unjudged_files: altered ones about to be fetched again, and those replaced meanwhile.
        chain: what there is to say of the hash chain; None where none was ever begun.
    """

    files: int = 0
    events: int = 0
    bytes: int = 0
    unhashed_files: int = 0
    unjudged_files: int = 0
    altered: tuple[AlteredFile, ...] = ()
    chain: ChainReport | None = None

    @property
    def is_sound(self) -> bool:
        """Whether everything is as it was committed."""
        return not self.altered and not (self.chain and self.chain.fault)


def verify_archive(
    settings: Settings,
    report_progress: Callable[[float], object],
    *,
    org: str | None = None,
    event_types: Sequence[str] = (),
    since: timedelta | None = None,
    kept_head: ChainHead | None = None,
) -> ArchiveVerification:
    """Read the committed files whole, those with events since then, and walk the hash chain.

    It works beside a collector. What is altered is set aside, by that collector if there is one.
    `report_progress` is given the share, 0 to 1, that was read since the last call.

    Raises CollectorError where there is no state, no such org, or no archive as a whole.
    """
    start = None if since is None else clock.now() - since
    selection = FileSelection(org=org, event_types=event_types, since=start)
    with ExitStack() as stack:
        database = stack.enter_context(open_existing_database(settings))
        if org is not None:
            with database.read() as state:
                require_known_org(state, settings, org)
        connection = stack.enter_context(engine.open_engine())
        paths = StatePaths(state_dir=settings.state_dir)
        paths.archive.check_readable()
        guard = FileGuard(
            database, connection, archive=paths.archive, damaged_root=paths.damaged_files
        )
        guard.require_archive()
        verification = _Verification(
            database=database, paths=paths, cursors=EngineCursors(connection), guard=guard
        )
        verification.verify_files(selection, report_progress)
        with database.read() as state:
            chain = chain_walk.walk_chain(state, kept_head)
        return verification.build_report(chain)


def to_json(report: ArchiveVerification) -> JsonObject:
    """The report as one object."""
    return to_json_object({**asdict(report), "sound": report.is_sound})


@dataclass(slots=True, kw_only=True)
class _Verification:
    """The work of one call, and what it has found so far."""

    database: Database
    paths: StatePaths
    cursors: EngineCursors
    guard: FileGuard
    sound: ArchiveVerification = ArchiveVerification()
    altered: list[FileVerdict] = field(default_factory=list)
    hindrance: str = ""

    def verify_files(
        self, selection: FileSelection, report_progress: Callable[[float], object]
    ) -> None:
        with self.database.read() as state:
            total = file_verification.measure_files(state, selection)
        with ThreadPoolExecutor(THREADS) as pool:
            for files in self._iterate_pages(selection):
                verdicts: list[FileVerdict] = []
                for file, verdict in zip(files, pool.map(self._verify_file, files), strict=True):
                    verdicts += [] if verdict is None else [verdict]
                    report_progress(file.bytes / max(total, 1))
                self._take_verdicts(verdicts, unjudged_count=len(files) - len(verdicts))

    def build_report(self, chain: ChainReport | None) -> ArchiveVerification:
        miscounted = [each.file.path for each in self.altered if each.is_miscounted]
        altered = [each.file.path for each in self.altered if not each.is_miscounted]
        outcomes = dict.fromkeys(miscounted, MISCOUNT_OUTCOME) | self._settle_altered(altered)
        return replace(
            self.sound,
            altered=tuple(
                _build_altered(verdict, outcomes[verdict.file.path])
                for verdict in self.altered
                if verdict.file.path in outcomes
            ),
            chain=chain,
        )

    def _iterate_pages(self, selection: FileSelection) -> Iterator[list[ArchiveFile]]:
        after = ""
        while True:
            with self.database.read() as state:
                files = file_verification.list_next_files(
                    state, after=after, limit=_FILES_AT_ONCE, selection=selection
                )
            if not files:
                return
            yield files
            after = files[-1].path

    def _verify_file(self, file: ArchiveFile) -> FileVerdict | None:
        return verify_committed_file(
            self.database, self.paths.archive, self.cursors.open_cursor, file
        )

    def _take_verdicts(self, verdicts: Sequence[FileVerdict], *, unjudged_count: int) -> None:
        self.altered += [each for each in verdicts if each.reason]
        sound, before = [each for each in verdicts if not each.reason], self.sound
        self.sound = replace(
            before,
            files=before.files + len(sound),
            unjudged_files=before.unjudged_files + unjudged_count,
            events=before.events + sum(each.file.rows for each in sound),
            bytes=before.bytes + sum(each.file.bytes for each in sound),
            unhashed_files=before.unhashed_files + sum(not each.had_hash for each in sound),
        )
        try:
            record_verdicts(self.database, verdicts)
        except StateDatabaseError as error:  # who may only read is told all the same
            self.hindrance = str(error)

    def _settle_altered(self, paths: Sequence[str]) -> dict[str, str]:
        """What happens next with altered files, by path, but for those found sound by now."""
        if not paths:
            return {}
        if self.hindrance:
            return dict.fromkeys(paths, f"nobody could be told: {self.hindrance}")
        try:
            with hold_state_lock(self.paths.state_dir), self.database.hold_exclusively():
                settle_reports(self.database, self.guard)
        except StateBusyError:
            return dict.fromkeys(paths, BUSY_OUTCOME)
        except CollectorError as error:
            return dict.fromkeys(paths, f"it is reported, and still in its place: {error}")
        with self.database.read() as state:
            damaged = {each.file.path: each for each in damaged_files.list_damaged_files(state)}
        return {path: _OUTCOMES[damaged[path].state] for path in paths if path in damaged}


def _build_altered(verdict: FileVerdict, outcome: str) -> AlteredFile:
    return AlteredFile(
        org=verdict.file.org,
        event_type=verdict.file.event_type,
        path=verdict.file.path,
        rows=verdict.file.rows,
        reason=verdict.reason,
        outcome=outcome,
    )
