"""Finds what comes with the program beside its code."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def find_shipped_folder(name: str) -> Path:
    """A folder that comes with the program: `rules` or `config`."""
    package = Path(str(files("collector")))
    installed = package / "_shipped" / name
    return installed if installed.exists() else package.parent / name
