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
