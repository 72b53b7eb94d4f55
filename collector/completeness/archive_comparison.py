"""Whether the archive's files hold what the ledger says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collector.archive.store import ArchiveStore
from collector.model import ArchiveFile
from collector.store.batch_inventory import InventoryItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveComparison:
    """Events of a type by the ledger (`rows`) and by the archive's files (`filed`).

    `missing` are committed files that are not there, or not as long as they were.
    """

    org: str
    event_type: str
    rows: int
    filed: int
    files: int
    missing: Sequence[str]

    def list_problems(self) -> Iterator[str]:
        """A sentence for each difference."""
        name = f"{self.org}/{self.event_type}"
        if self.rows != self.filed:
            yield f"{name}: the ledger has {self.rows:,} events, the archive {self.filed:,}"
        if self.missing:
            yield f"{name}: of {self.files:,} files of the archive {len(self.missing):,} are gone"


def compare_archive(
    items: Iterable[InventoryItem], files: Iterable[ArchiveFile], archive: ArchiveStore
) -> Iterator[ArchiveComparison]:
    """The rows of the ledger against those of its files, for each event type."""
    rows: Counter[tuple[str, str]] = Counter()
    for item in items:
        rows[item.stream.org, item.event_type] += item.rows
    files_by_type: dict[tuple[str, str], list[ArchiveFile]] = {key: [] for key in rows if rows[key]}
    for file in files:
        files_by_type.setdefault((file.org, file.event_type), []).append(file)
    for org, event_type in sorted(files_by_type):
        type_files = files_by_type[org, event_type]
        yield ArchiveComparison(
            org=org,
            event_type=event_type,
            rows=rows[org, event_type],
            filed=sum(file.rows for file in type_files),
            files=len(type_files),
            missing=[file.path for file in type_files if archive.measure_file(file) != file.bytes],
        )
