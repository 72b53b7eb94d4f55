"""A tree that knows the line and column of every key and value of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from collector.settings.report import START, Place

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value in a mapping, with the place of its key."""

    place: Place
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value with its place.

    Attributes:
        spoilt: a problem was reported about it, so nothing further about it is worth telling.
        referenced: its text came, at least in part, from outside the file.
    """

    place: Place = START
    value: Scalar | tuple[Node, ...] | Mapping[str, Entry] = None
    spoilt: bool = False
    referenced: bool = False

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The keys of a mapping; none for anything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    def get(self, key: str) -> Node:
        """The value under `key`, or an empty node where there is none."""
        entry = self.entries.get(key)
        return entry.node if entry else Node(place=self.place)

    def plain(self) -> Any:
        """The value as dicts, lists and scalars."""
        if isinstance(self.value, Mapping):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


_NAME = re.compile(r"[\w.*-]{0,60}", re.ASCII)


def shown(name: str) -> str:
    """The part of a name that may be repeated in a message, quoted.

    In `{password:hunter2}` the whole text is a key, so a name ends where no name would go on.
    """
    part = name_part(name)
    return repr(part if part == name else f"{part}…")


def name_part(text: str) -> str:
    """What a text begins with that looks like a name; often all of it."""
    match = _NAME.match(text)
    return match[0] if match else ""
