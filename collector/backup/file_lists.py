"""Which files of the archive belong to each of the states in a backup, which share them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from collector.archive.archive_copy import CopiedFile

FILE_LIST_NAME = "archive.jsonl"


def write_file_list(folder: Path, files: Iterable[CopiedFile]) -> None:
    """Write which files of the archive belong to the state in a folder."""
    path = folder / FILE_LIST_NAME
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(asdict(file)) + "\n" for file in files)


def read_file_list(folder: Path) -> dict[str, CopiedFile] | None:
    """These files by their paths, none for a state without; None where the list is damaged."""
    path = folder / FILE_LIST_NAME
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8") as lines:
            files = [CopiedFile(**json.loads(line)) for line in lines]
    except (OSError, TypeError, ValueError):
        return None
    return {file.path: file for file in files}
