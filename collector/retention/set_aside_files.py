"""Files beside the archive that hold events: quarantine, and what was damaged or nobody's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from collector.archive.moved_files import list_moved_files
from collector.durable_files import remove_empty_folders
from collector.ingest import quarantine

STRAY_PERIOD = timedelta(days=30)

MayGo = Callable[[str, str, str], bool]
"""Whether what an org logged of a type on a day, `YYYY-MM-DD`, is older than it is kept."""


def delete_old_quarantine(root: Path, may_go: MayGo) -> int:
    """Delete what could not be read of batches that are older than they are kept; how many."""
    keys = list_quarantined_keys(root)
    old_keys = [
        each.batch.key
        for each in quarantine.list_batches(root)
        if may_go(each.batch.stream.org, each.batch.event_type, _format_day(each.batch.log_time))
    ]
    # The key is what a file says: nothing but a folder of the quarantine is ever deleted.
    for key in keys.intersection(old_keys):
        shutil.rmtree(root / key, ignore_errors=True)
    return len(keys.intersection(old_keys))


def list_quarantined_keys(root: Path) -> frozenset[str]:
    """The keys of the batches of which something is set aside."""
    if not root.is_dir():
        return frozenset()
    return frozenset(path.name for path in root.iterdir() if path.is_dir())


def list_old_stray_folders(root: Path, now: datetime) -> list[Path]:
    """The folders of strays that were found STRAY_PERIOD ago: whoever misses them had that long."""
    if not root.is_dir():
        return []
    latest = f"{now - STRAY_PERIOD:%Y%m%d}"
    return sorted(folder for folder in root.iterdir() if folder.name[:8] <= latest)


def delete_old_event_files(root: Path, may_go: MayGo) -> int:
    """Delete event files below a folder, each at its place in the archive; how many."""
    count = 0
    for file in list_moved_files(root):
        if may_go(file.org, file.event_type, file.date):
            file.path.unlink(missing_ok=True)
            remove_empty_folders(file.path.parent, below=root.parent)
            count += 1
    return count


def _format_day(moment: datetime) -> str:
    return moment.date().isoformat()
