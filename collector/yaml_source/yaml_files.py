"""The YAML files below a folder of rules."""

from __future__ import annotations

from pathlib import Path

YAML_SUFFIXES = frozenset({".yml", ".yaml"})


def list_yaml_files(folder: Path) -> list[Path]:
    """All files of a folder, at any depth, in order.

    Hidden files are left out: editors' locks, and the targets of the links that Kubernetes mounts.
    """
    return sorted(
        each
        for each in folder.rglob("*")
        if each.suffix in YAML_SUFFIXES
        and not any(part.startswith(".") for part in each.relative_to(folder).parts)
    )
