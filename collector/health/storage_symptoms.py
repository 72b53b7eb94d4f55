"""Finds what is wrong with storage: damaged files of the archive, the disk, what was told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.disk_space import DiskSpace
from collector.health.symptoms import COLLECTOR_ORG, Symptom, SymptomState
from collector.model import DamageState
from collector.store.damaged_files import DamagedFile


def find_storage_symptoms(
    damaged_files: Sequence[DamagedFile],
    disk: DiskSpace,
    *,
    journal_problem: str = "",
    now: datetime,
) -> list[Symptom]:
    """All that is wrong with storage now.

    `disk` is the room for the state and the archive, `journal_problem` why what is told cannot be
    written down.
    """
    return [
        *_check_damaged_files(damaged_files),
        *_check_disk(disk, now),
        *_check_journal(journal_problem, now),
    ]


def _check_damaged_files(damaged_files: Sequence[DamagedFile]) -> Iterator[Symptom]:
    """One symptom for each event type: many files of it are damaged by the same thing."""
    groups: dict[tuple[str, str, DamageState], list[DamagedFile]] = {}
    for damaged in damaged_files:
        key = (damaged.file.org, damaged.file.event_type, damaged.state)
        groups.setdefault(key, []).append(damaged)
    for (org, event_type, state), files in groups.items():
        is_lost = state == DamageState.LOST
        rows = sum(damaged.file.rows for damaged in files)
        paths = {damaged.file.path for damaged in files}
        events = f"their {rows:,} events" if rows else "their events"
        outcome = "cannot be had again" if is_lost else "are asked for again while the org has them"
        yield Symptom(
            org=org,
            subject=f"{org}/archive",
            part=event_type,
            state=SymptomState.LOST if is_lost else SymptomState.DAMAGED,
            reason=(
                f"{len(paths):,} files of the archive cannot be read; {events}"
                f" {outcome}: {files[0].file.path}: {files[0].reason}"
            ),
            since=files[0].since,
            time=files[0].since,
        )


def _check_disk(disk: DiskSpace, now: datetime) -> Iterator[Symptom]:
    """Low before it is short: while it is, there is still room to tell somebody."""
    if not disk.is_low:
        return
    yield Symptom(
        org=COLLECTOR_ORG,
        subject="disk",
        part=str(disk.folder),
        state=SymptomState.FULL if disk.is_short else SymptomState.LOW,
        reason=f"{disk}; below that nothing is fetched",
        since=now,
        time=now,
    )


def _check_journal(problem: str, now: datetime) -> Iterator[Symptom]:
    if not problem:
        return
    yield Symptom(
        org=COLLECTOR_ORG,
        subject="outbox",
        part="told.jsonl",
        state=SymptomState.BROKEN,
        reason=problem,
        since=now,
        time=now,
    )
