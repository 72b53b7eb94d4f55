"""The file in an archive that says which ledger it belongs to."""

from __future__ import annotations

import os
from pathlib import Path

LEDGER_ID_FILE_NAME = "_ledger_id"
"""Readers of Parquet folders pass over names that begin with an underscore."""


def read_ledger_id(root: Path) -> str | None:
    """The id of the ledger that commits to the archive; None where none has claimed it."""
    try:
        return (root / LEDGER_ID_FILE_NAME).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def write_ledger_id(root: Path, ledger_id: str) -> None:
    """Write it down durably."""
    path = root / LEDGER_ID_FILE_NAME
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    with part.open("w", encoding="ascii") as file:
        file.write(f"{ledger_id}\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
