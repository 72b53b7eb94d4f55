"""Opens files that somebody named, and waits for nobody who might write into a pipe."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path


def open_regular_file(path: Path) -> BufferedReader:
    """The file, for reading.

    Raises:
        OSError: it cannot be opened, or is a pipe, a device or a folder; `strerror` says which.
    """
    with _open_descriptor(path) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file, but a pipe or a device", str(path))
        return os.fdopen(os.dup(descriptor), "rb")


def read_small_file(path: Path, *, limit: int) -> bytes:
    """The first bytes of a file, at most `limit`, or of a pipe that somebody writes to.

    A shell names such a pipe for `<(command)`.

    Raises:
        OSError: it cannot be read, or is a pipe that nobody writes to.
    """
    with _open_descriptor(path) as descriptor:
        start = b""
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            start = _read_written(descriptor, path, limit)
        os.set_blocking(descriptor, True)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return start + file.read(limit - len(start))


@contextmanager
def _open_descriptor(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        yield descriptor
    finally:
        os.close(descriptor)


def _read_written(descriptor: int, path: Path, limit: int) -> bytes:
    """What was written into a pipe so far, which may be nothing as long as a writer is there."""
    try:
        start = os.read(descriptor, limit)
    except BlockingIOError:
        return b""
    if start:
        return start
    raise OSError(errno.EINVAL, "it is a pipe that nobody writes to", str(path))
