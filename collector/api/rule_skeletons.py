"""Rules to begin with."""

from __future__ import annotations

from pathlib import Path

from collector.errors import CollectorError
from collector.rules.skeletons import SKELETON_KINDS, render_skeleton

__all__ = ["SKELETON_KINDS", "render_skeleton", "write_skeleton"]


def write_skeleton(kind: str, name: str, path: Path) -> None:
    """Write a rule of a kind to a new file.

    Raises:
        ValueError: the name is no slug.
        CollectorError: there is such a file already, or it cannot be written.
    """
    text = render_skeleton(kind, name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CollectorError(f"{path} is there already: name another file") from None
    except OSError as error:
        raise CollectorError(f"{path} cannot be written: {error.strerror}") from None
