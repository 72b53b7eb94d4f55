"""Folders that nobody but their owner may change: what others write there is not to be trusted."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

_SHARED_WRITE = stat.S_IWGRP | stat.S_IWOTH


def create_private_folder(path: Path) -> None:
    """Create a folder for its owner alone, or make sure that one that is there is such a folder.

    Raises:
        PermissionError: it is a link, belongs to somebody else, or others may write into it; its
            text is a sentence that says what to do.
        NotADirectoryError: something else is there; the same.
    """
    _check_link(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is no folder: move it away, or set another `state_dir`")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    check_private_folder(path, owner=os.geteuid())


def check_private_folder(path: Path, *, owner: int) -> None:
    """Make sure that a folder that is there belongs to a user, by its uid, alone.

    Raises PermissionError as `create_private_folder` does.
    """
    _check_link(path)
    status = path.stat()
    if status.st_uid != owner:
        raise PermissionError(
            f"{path} belongs to {_name_user(status.st_uid)}, and the collector runs as"
            f" {_name_user(owner)}: run it as that user, or give it a state_dir of its own"
        )
    if status.st_mode & _SHARED_WRITE:
        raise PermissionError(
            f"others than its owner may write into {path} (mode"
            f" {stat.S_IMODE(status.st_mode):04o}): run chmod go-w {path}"
        )


def _check_link(path: Path) -> None:
    if path.is_symlink():
        raise PermissionError(
            f"{path} is a link, and whoever can change it could lead the collector elsewhere: name"
            f" the folder itself, {path.resolve()}"
        )


def _name_user(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
