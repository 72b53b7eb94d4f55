"""Hashes a file of events: what tells whether its bytes are those that were committed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path


def compute_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in 64 hex digits.

    Raises:
        OSError: it cannot be read, or is no regular file; of these none is waited for.
    """
    # A pipe without a writer would keep `open` waiting for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - it is a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return hashlib.file_digest(file, "sha256").hexdigest()
