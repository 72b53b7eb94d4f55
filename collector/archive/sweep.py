"""Removes files that no ledger names: what a process left when it died in the middle."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from collector.archive.write import STAGING
from collector.model import ArchiveFile


def sweep(root: Path, committed: Iterable[ArchiveFile]) -> int:
    """Delete every Parquet file below `root` that is not committed. How many there were.

    Only for a process that holds the state directory's lock: another one may be about to commit.
    """
    shutil.rmtree(root / STAGING, ignore_errors=True)
    keep = {root / file.path for file in committed}
    strays = [path for path in root.rglob("*.parquet") if path not in keep]
    for path in strays:
        path.unlink()
    return len(strays)
