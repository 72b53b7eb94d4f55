"""A folder that other users of the machine can enter, for tests that become one of them."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED_FOLDERS = ("/dev/shm", "/tmp", "/var/tmp")  # where every user may write


@contextmanager
def open_public_folder() -> Iterator[Path]:
    """A folder that everybody can enter, wherever TMPDIR lies; it is deleted afterwards.

    Those of pytest are for their owner alone, and TMPDIR may lie below one that is.
    """
    parent = next(path for path in (tempfile.gettempdir(), *SHARED_FOLDERS) if _is_public(path))
    with tempfile.TemporaryDirectory(prefix="collector-test-", dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _is_public(path: str) -> bool:
    folder = Path(path).resolve()
    return folder.is_dir() and all(
        one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents)
    )
