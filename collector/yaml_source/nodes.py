"""A tree that knows the line and column of every key and value of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from collector.yaml_source.problem_report import START_POSITION, SourcePosition
from collector.yaml_source.scalars import YamlScalar

YamlPath: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a value: `("tags", 0)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlEntry:
    """A value in a mapping, with the place of its key; or in a list, with its own."""

    position: SourcePosition
    node: YamlNode


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlNode:
    """A value with its place.

    Attributes:
        has_problem: one was reported about it, so nothing further about it is worth telling.
        has_reference: its text came, at least in part, from outside the file.
    """

    position: SourcePosition = START_POSITION
    value: YamlScalar | tuple[YamlNode, ...] | Mapping[str, YamlEntry] = None
    has_problem: bool = False
    has_reference: bool = False

    @property
    def entries(self) -> Mapping[str, YamlEntry]:
        """The keys of a mapping; none for anything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> tuple[YamlNode, ...]:
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    def get_child(self, key: str) -> YamlNode:
        """The value under `key`, or an empty node where there is none."""
        return self.follow_path((key,))

    def follow_path(self, path: YamlPath) -> YamlNode:
        """The value at `path`, or an empty node where there is none."""
        node = self
        for step in path:
            entry = node.find_entry(step)
            node = entry.node if entry else YamlNode(position=node.position)
        return node

    def find_position(self, path: YamlPath) -> SourcePosition:
        """Where the key or item at `path` stands, or the last one on the way that does exist."""
        node, position = self, self.position
        for step in path:
            entry = node.find_entry(step)
            if entry is None:
                break
            node, position = entry.node, entry.position
        return position

    def find_entry(self, step: str | int) -> YamlEntry | None:
        """What is under a key of a mapping, or at a position of a list; None where nothing is."""
        if isinstance(step, str):
            return self.entries.get(step)
        if step >= len(self.items):
            return None
        item = self.items[step]
        return YamlEntry(position=item.position, node=item)

    def to_plain(self) -> Any:
        """The value as dicts, lists and scalars."""
        if isinstance(self.value, Mapping):
            return {key: entry.node.to_plain() for key, entry in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.to_plain() for node in self.value]
        return self.value


_NAME_PATTERN = re.compile(r"[\w.*-]{0,60}", re.ASCII)


def quote_name(name: str) -> str:
    """The part of a name that may be repeated in a message, quoted.

    In `{password:hunter2}` the whole text is a key, so a name ends where no name would go on.
    """
    part = extract_name(name)
    return repr(part if part == name else f"{part}…")


def extract_name(text: str) -> str:
    """What a text begins with that looks like a name; often all of it."""
    match = _NAME_PATTERN.match(text)
    return match[0] if match else ""
