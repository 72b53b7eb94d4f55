"""Where a configuration says what it says of rules, for problems that only rules can tell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from collector.yaml_source.nodes import YamlNode


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSource:
    """The file, and the part of its tree: `rules`, or what is under one of its keys.

    Settings that a program builds are of no file: their `path` says so. Settings are equal wherever
    they are written.
    """

    path: Path = field(default=Path("rules"), compare=False)
    node: YamlNode = field(default_factory=YamlNode, compare=False)

    def get_child(self, key: str) -> RulesSource:
        """What is under a key."""
        return replace(self, node=self.node.get_child(key))
