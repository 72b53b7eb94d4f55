"""One process at a time works on a state directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.errors import CollectorError, StateBusyError

LOCK_FILE_NAME = "lock"


@contextmanager
def hold_state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the directory's lock; the system lets go of it when the process ends, however it ends.

    Raises:
        StateBusyError: another process holds it; the message names its process id.
        CollectorError: it is no file that this user may write.
    """
    descriptor = _open_lock(state_dir / LOCK_FILE_NAME)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            raise StateBusyError(
                f"{state_dir} is in use by another collector (process {holder}); stop it first,"
                " or give this one a state_dir of its own"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        kind = "a folder" if path.is_dir() else "a link" if path.is_symlink() else ""
        if kind:
            raise CollectorError(
                f"{path} is {kind}, where the lock is to be: move it away, nothing is kept in it"
            ) from None
        raise CollectorError(f"the lock {path} cannot be opened: {error.strerror}") from None
