"""Sets files aside that no ledger names: what a process left when it died in the middle."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from collector.archive.parquet_writer import STAGING_DIR
from collector.model import ArchiveFile


def list_event_files(root: Path) -> Iterator[Path]:
    """Every Parquet file below `root`, committed or not; half-written ones are not among them."""
    staging = root / STAGING_DIR
    return (path for path in root.rglob("*.parquet") if not path.is_relative_to(staging))


def move_stray_files(
    root: Path, committed_files: Iterable[ArchiveFile], *, target_root: Path
) -> int:
    """Move every Parquet file that is not committed from `root` to `aside`. How many there were.

    They keep their places below the new folder: a ledger that was restored from a backup may be
    older than the archive, and what it does not know was committed once. Half-written files are
    deleted. Only for a process that holds the state directory's lock: another one may be about to
    commit.
    """
    shutil.rmtree(root / STAGING_DIR, ignore_errors=True)
    keep = {root / file.path for file in committed_files}
    strays = [path for path in list_event_files(root) if path not in keep]
    for path in strays:
        target = target_root / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(path, target)
    return len(strays)
