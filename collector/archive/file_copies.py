"""Copies of files that never change once they are at their place."""

from __future__ import annotations

import errno
import os
import shutil
from hashlib import sha256 as new_sha256
from pathlib import Path

from collector.durable_files import sync_path

_PART_SUFFIX = ".part"
_CHUNK_BYTES = 1_000_000
_NO_LINK_ERRORS = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES}
)
"""Another disk, a file system without links, or too many of them."""


def link_or_copy(source: Path, target: Path) -> bool:
    """Let a file be at another place too: a link on the same disk, else a copy with its time.

    False where it is there: the same file, or one of its size and time. Raises OSError.
    """
    if target.exists() and _is_same(source, target):
        return False
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(target.name + _PART_SUFFIX)
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError as error:
        if error.errno not in _NO_LINK_ERRORS:
            raise
        shutil.copy2(source, part)
        sync_path(part)
    part.replace(target)
    return True


def copy_verified(source: Path, target: Path, *, size: int, sha256: str) -> None:
    """Copy a file to its place, durably, once it was found to be what it is to be.

    Raises:
        ValueError: it has another size or hash; nothing is at its place that was not there.
        OSError: it cannot be copied.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(target.name + _PART_SUFFIX)
    part.unlink(missing_ok=True)
    try:
        digest = _copy_content(source, part)
        if part.stat().st_size != size:
            raise ValueError(f"it has {part.stat().st_size:,} bytes instead of {size:,}")
        if sha256 and digest != sha256:
            raise ValueError("its copy is damaged: it has another hash than when it was made")
        sync_path(part)
        part.replace(target)
        sync_path(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _is_same(source: Path, target: Path) -> bool:
    ours, theirs = source.stat(), target.stat()
    if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
        return True
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _copy_content(source: Path, target: Path) -> str:
    digest = new_sha256()
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with source.open("rb") as content, os.fdopen(descriptor, "wb") as copy:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
            copy.write(chunk)
    return digest.hexdigest()
