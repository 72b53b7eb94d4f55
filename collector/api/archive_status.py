"""How many files the archive has, of what, and what lies beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_state_view
from collector.disk_space import DiskSpace, measure_disk_space
from collector.ingest.compaction_plan import SMALL_FILE_BYTES
from collector.ingest.state_paths import StatePaths
from collector.settings import Settings
from collector.store import archive_totals
from collector.store.archive_totals import ArchiveTotal, FileCount


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStatus:
    """The archive of a state directory.

    Attributes:
        place: where it is.
        totals: what it holds, by org and type.
        retired: files that were compacted or pruned, which are deleted an hour later.
        damaged: files that were committed and cannot be read.
        strays: files that no ledger names, set aside.
        quarantined: the files of what could not be read of logs.
        disk: the room on its disk.
    """

    place: str
    totals: Sequence[ArchiveTotal]
    retired: FileCount
    damaged: FileCount
    strays: FileCount
    quarantined: FileCount
    disk: DiskSpace


def read_archive_status(settings: Settings) -> ArchiveStatus:
    """The status, from the ledger: no file of events is opened.

    Raises CollectorError where there is no state yet, it cannot be read, or the files that it names
    are gone as a whole.
    """
    paths = StatePaths(state_dir=settings.state_dir)
    with open_state_view(settings) as state:
        totals = archive_totals.list_archive_totals(state, small_bytes=SMALL_FILE_BYTES)
        retired = archive_totals.count_retired_files(state)
        damaged = archive_totals.count_damaged_files(state)
    if totals:
        paths.archive.check_readable()
    return ArchiveStatus(
        place=paths.archive.place,
        totals=totals,
        retired=retired,
        damaged=damaged,
        strays=_count_files(paths.strays),
        quarantined=_count_files(paths.quarantine),
        disk=measure_disk_space(Path(paths.archive.place), settings.disk_reserve),
    )


def to_json(status: ArchiveStatus) -> JsonObject:
    """The status as one object."""
    return to_json_object(
        {
            "place": status.place,
            "types": [asdict(total) for total in status.totals],
            "retired": asdict(status.retired),
            "damaged": asdict(status.damaged),
            "strays": asdict(status.strays),
            "quarantined": asdict(status.quarantined),
            "free_bytes": status.disk.free_bytes,
            "total_bytes": status.disk.total_bytes,
        }
    )


def _count_files(folder: Path) -> FileCount:
    """All that lies below a folder; nothing where there is none, or it may not be listed."""
    files = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += (Path(parent) / name).lstat().st_size
            except FileNotFoundError:
                continue
            files += 1
    return FileCount(files=files, bytes=size)
