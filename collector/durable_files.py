"""The only place that waits until a file or folder is on the disk."""

from __future__ import annotations

import os
from pathlib import Path


def sync_path(path: Path) -> None:
    """Wait until what was written to a file, or the names in a folder, would survive a power cut.

    Raises OSError where the path cannot be opened or the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_empty_folders(folder: Path, *, below: Path) -> None:
    """Remove a folder and those that it is in, as long as they are empty, up to that one."""
    while folder != below and folder.is_relative_to(below):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
