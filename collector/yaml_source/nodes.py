"""A tree that knows the line and column of every key and value of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from collector.yaml_source.problem_report import START_POSITION, SourcePosition

YamlScalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlEntry:
    """A value in a mapping, with the place of its key."""

    position: SourcePosition
    node: YamlNode


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlNode:
    """A value with its place.

    Attributes:
        spoilt: a problem was reported about it, so nothing further about it is worth telling.
        referenced: its text came, at least in part, from outside the file.
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
        entry = self.entries.get(key)
        return entry.node if entry else YamlNode(position=self.position)

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
