"""Tells whether the files of rules and value lists have changed, without reading them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from collector.detect.lists.list_files import LISTS_FOLDER
from collector.settings import ListFileSettings, RulesSettings
from collector.settings.shipped_files import find_shipped_folder
from collector.yaml_source import yaml_files

FileStamps: TypeAlias = frozenset[tuple[str, int, int, int]]
"""Files by path, times of change of content and of anything in nanoseconds, and size."""


def list_rule_paths(settings: RulesSettings) -> list[Path]:
    """The files and folders that rules and value lists are read from."""
    files = [
        source.file for source in settings.lists.values() if isinstance(source, ListFileSettings)
    ]
    beside = [path.parent / LISTS_FOLDER for path in settings.paths if not path.is_dir()]
    return [find_shipped_folder("rules"), *settings.paths, *beside, *files]


def stamp_files(paths: Iterable[Path]) -> FileStamps:
    """What the files of these paths, and the YAML files of folders among them, look like now."""
    return frozenset(
        stamp for path in paths for file in _list_files(path) if (stamp := _stamp_file(file))
    )


def _list_files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return (path,)
    return yaml_files.list_yaml_files(path)


def _stamp_file(file: Path) -> tuple[str, int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None  # it was there a moment ago; its absence is a change, too
    return str(file), status.st_mtime_ns, status.st_ctime_ns, status.st_size
