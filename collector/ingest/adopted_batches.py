"""The batches of files that were found, and what became of each, as far as these tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from collector.archive.found_files import FoundFile
from collector.ingest import quarantine
from collector.ingest.state_paths import StatePaths
from collector.model import (
    ArchiveFile,
    Batch,
    BatchState,
    ObservationFacts,
    RowCountFacts,
    Stream,
    WindowFacts,
)
from collector.sources.log_file import KIND as LOG_FILES
from collector.store.ledger import LedgerEntry

LAST_FILE_REASON = "the state was lost while it may have been taken in: it is read again"


@dataclass(slots=True, kw_only=True)
class FoundBatch:
    """A batch, its own files, and how many of its events compacted ones have."""

    batch: Batch
    files: list[ArchiveFile] = field(default_factory=list)
    compacted_rows: int = 0

    @property
    def rows(self) -> int:
        """All of its events."""
        return sum(file.rows for file in self.files) + self.compacted_rows


def group_by_batch(found: Iterable[FoundFile]) -> dict[str, FoundBatch]:
    """The batches that files have events of, by their keys."""
    batches: dict[str, FoundBatch] = {}
    for one in found:
        for member in one.members:
            of_batch = batches.setdefault(member.batch.key, FoundBatch(batch=member.batch))
            if one.is_compacted:
                of_batch.compacted_rows += member.rows
            else:
                of_batch.files.append(one.file)
    return batches


def build_entries(batches: Mapping[str, FoundBatch], paths: StatePaths) -> dict[str, LedgerEntry]:
    """What the ledger is to say of batches, by their keys."""
    quarantined = {one.batch.key: one for one in quarantine.list_batches(paths.quarantine)}
    last_keys = {key for key in _find_last_log_files(batches) if not batches[key].compacted_rows}
    entries: dict[str, LedgerEntry] = {}
    for key, found_batch in batches.items():
        rows = found_batch.rows
        if key in quarantined:
            entries[key] = LedgerEntry(
                state=BatchState.QUARANTINED,
                reason="; ".join(quarantined[key].reasons),
                rows=rows,
                quarantined=len(quarantined[key].indexes),
            )
        elif key in last_keys:
            entries[key] = LedgerEntry(state=BatchState.DAMAGED, reason=LAST_FILE_REASON, rows=rows)
        else:
            duplicates = max(0, _count_served(found_batch.batch) - rows)
            entries[key] = LedgerEntry(state=BatchState.STORED, rows=rows, duplicates=duplicates)
    return entries


def _find_last_log_files(batches: Mapping[str, FoundBatch]) -> Iterator[str]:
    """The keys of what may have been taken in half when the state was lost: nothing says so.

    What was compacted was whole by then.
    """
    last: dict[Stream, Batch] = {}
    for batch in (one.batch for one in batches.values()):
        if batch.stream.source == LOG_FILES:
            other = last.get(batch.stream)
            last[batch.stream] = (
                batch if other is None else max(batch, other, key=lambda one: one.received)
            )
    return (batch.key for batch in last.values())


def _count_served(batch: Batch) -> int:
    match batch.facts:
        case WindowFacts(rows=rows) | ObservationFacts(rows=rows) | RowCountFacts(rows=rows):
            return rows
    return 0
