"""The YAML documents of rule files and lists, as data and as places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from collector.errors import Problem, RulesError
from collector.settings.shipped_files import find_shipped_folder
from collector.yaml_source.dialect import SHIPPED_SIGMA, SIGMA
from collector.yaml_source.nodes import YamlNode, YamlPath
from collector.yaml_source.problem_report import ProblemReport, SourcePosition
from collector.yaml_source.reader import parse_trees
from collector.yaml_source.source_text import read_text

MAX_CACHED_FILES, MAX_CACHED_CHARACTERS = 512, 20_000
"""How many files, and how long ones, are kept as parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPlace:
    """Where a value of a document was written, if that is another file; `position` is its key's."""

    path: Path
    position: SourcePosition
    node: YamlNode

    def __str__(self) -> str:
        return f"{self.path}:{self.position.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One YAML document of a rule file: plain `data`, in which dates are text as written.

    What a configuration has changed in `data` has its places in `foreign_places`.
    """

    path: Path
    node: YamlNode
    data: dict[str, Any]
    foreign_places: Mapping[YamlPath, ForeignPlace] = field(default_factory=dict)

    def find_line(self, place: YamlPath) -> int:
        """The line, counted from 1, on which the key or item at `place` stands."""
        return self._locate(place)[1].line

    def describe_origin(self, place: YamlPath) -> str:
        """`path:line` of what is at `place`, if it was written in another file; else nothing."""
        path, position = self._locate(place)
        return "" if path == self.path else f"{path}:{position.line}"

    def build_problem(self, place: YamlPath, message: str) -> Problem:
        """Something wrong at `place`, or at the nearest key on the way that does exist."""
        path, position = self._locate(place)
        return Problem(path=path, line=position.line, column=position.column, message=message)

    def _locate(self, place: YamlPath) -> tuple[Path, SourcePosition]:
        for length in range(len(place), 0, -1):
            if foreign := self.foreign_places.get(place[:length]):
                rest = place[length:]
                position = foreign.node.find_position(rest) if rest else foreign.position
                return foreign.path, position
        return self.path, self.node.find_position(place)


def read_documents(path: Path) -> list[YamlDocument]:
    """The documents of a rule file, without empty ones.

    Raises RulesError for what cannot be read, is no YAML or does not hold mappings, and for what
    reads differently from what it does, such as aliases and duplicate keys.
    """
    text = read_text(ProblemReport(path=path, error_type=RulesError))
    parse = _parse_roots if len(text) > MAX_CACHED_CHARACTERS else _parse_cached_roots
    return [YamlDocument(path=path, node=root, data=root.to_plain()) for root in parse(path, text)]


def _parse_roots(path: Path, text: str) -> tuple[YamlNode, ...]:
    report = ProblemReport(path=path, error_type=RulesError)
    is_shipped = path.is_relative_to(find_shipped_folder("rules"))
    trees = parse_trees(text, report, SHIPPED_SIGMA if is_shipped else SIGMA)
    roots = [root for root in trees if root.value is not None]
    for root in roots:
        if not isinstance(root.value, Mapping) and not root.has_problem:
            message = "a document is a mapping of keys, such as `title:` in rules"
            report.add_problem(root.position, message)
    if report.problems:
        raise report.build_error()
    return tuple(roots)


_parse_cached_roots = lru_cache(MAX_CACHED_FILES)(_parse_roots)
"""A reload parses what has changed: trees are immutable."""
