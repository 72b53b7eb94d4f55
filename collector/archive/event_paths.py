"""Lists what lies in an archive's folder, looking at no file: there may be a million of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FILE_SUFFIX = ".parquet"


def iterate_event_paths(root: Path, *, left_out: str) -> Iterator[str]:
    """The places of all files of events below a folder, in no order.

    `left_out` is a folder right below it. Folders that are not there, or may not be read, have none
    for us, and links are not followed. Raises OSError where the disk fails.
    """
    for entry in _list_entries(root):
        if entry.name != left_out:
            yield from _iterate_paths(entry, entry.name)


def _iterate_paths(entry: os.DirEntry[str], place: str) -> Iterator[str]:
    if entry.name.endswith(FILE_SUFFIX):
        yield place
    if entry.is_dir(follow_symlinks=False):
        for inner in _list_entries(entry.path):
            yield from _iterate_paths(inner, f"{place}/{inner.name}")


def _list_entries(folder: Path | str) -> list[os.DirEntry[str]]:
    with (
        suppress(FileNotFoundError, NotADirectoryError, PermissionError),
        os.scandir(folder) as found,
    ):
        return list(found)
    return []
