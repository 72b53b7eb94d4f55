"""Lists whose entries stand in the configuration, as documents like those of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists.list_checks import build_plain_entry
from collector.detect.lists.value_list import ListEntry
from collector.settings import RulesSource
from collector.yaml_source.nodes import YamlEntry, YamlNode


def build_list_document(
    name: str, entries: Sequence[str | Mapping[str, Any]], source: RulesSource
) -> YamlDocument:
    """The document of a list with these values, and entries with attributes, written at `source`.

    Of values that are the same the first one is in it.
    """
    positions = list(_find_distinct(entries))
    chosen = [entries[position] for position in positions]
    position = source.node.position
    written = YamlEntry(position=position, node=_choose_items(source.node, positions, len(entries)))
    return YamlDocument(
        path=source.path,
        node=YamlNode(position=position, value={"entries": written}),
        data={
            "name": name,
            "entries": [entry if isinstance(entry, str) else dict(entry) for entry in chosen],
        },
    )


def _choose_items(node: YamlNode, positions: Sequence[int], count: int) -> YamlNode:
    """The node of a list with some of its items; settings of no file have none."""
    if len(node.items) != count:
        return node
    return replace(node, value=tuple(node.items[position] for position in positions))


def _find_distinct(entries: Sequence[str | Mapping[str, Any]]) -> Iterator[int]:
    seen: set[ListEntry] = set()
    for position, entry in enumerate(entries):
        value = _read_value(entry)
        if value is None or value not in seen:
            yield position
        if value is not None:
            seen.add(value)


def _read_value(entry: str | Mapping[str, Any]) -> ListEntry | None:
    """The entry that a plain value is; None for others, and for what is none, which is told."""
    try:
        return build_plain_entry(entry) if isinstance(entry, str) else None
    except ValueError:
        return None
