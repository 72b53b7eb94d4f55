"""Which processes have locked a database file, as far as the system tells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_LOCKS_FILE = Path("/proc/locks")
_SUFFIXES = ("", "-shm")
"""SQLite locks the file itself, or, with a write-ahead log, the one that its processes share."""


def describe_lock_holders(path: Path) -> str:
    """The other processes that write to a database: `process 4711 (sqlite3)`.

    Empty where the system does not say it, or they have let go meanwhile.

    The file itself must not be asked: a process that closes a file loses all its locks on it
    (fcntl(2)), those of SQLite's own connections too.
    """
    holders = sorted(set(_list_writers(path)) - {os.getpid()})
    return ", ".join(f"process {holder}{_describe_program(holder)}" for holder in holders)


def _list_writers(path: Path) -> Iterator[int]:
    """The processes with a write lock, from lines like `1: POSIX ADVISORY WRITE 4711 fe:00:9 0 0`.

    The format is that of proc_locks(5).
    """
    files = set(_list_file_ids(path))
    try:
        lines = _LOCKS_FILE.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.replace("->", "").split()
        if len(fields) > 5 and fields[3] == "WRITE" and fields[5] in files and fields[4].isdigit():
            yield int(fields[4])


def _list_file_ids(path: Path) -> Iterator[str]:
    for suffix in _SUFFIXES:
        try:
            status = path.with_name(path.name + suffix).stat()
        except OSError:
            continue
        device = status.st_dev
        yield f"{os.major(device):02x}:{os.minor(device):02x}:{status.st_ino}"


def _describe_program(process: int) -> str:
    try:
        name = Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f" ({name})"
