"""The entries of `rules.tune`, and which rules each is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from collector.detect.language.document_library import list_references, normalize_reference
from collector.detect.language.yaml_document import ForeignPlace, YamlDocument
from collector.errors import Problem
from collector.settings import RulesSource, TuneSettings
from collector.yaml_source.nodes import YamlPath


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningEntry:
    """What is different in the rules whose name or id is, or fits, a pattern."""

    pattern: str
    settings: TuneSettings
    source: RulesSource

    @property
    def is_glob(self) -> bool:
        """Whether the pattern is one of any number of rules."""
        return any(character in self.pattern for character in "*?[")

    def fits(self, document: YamlDocument) -> bool:
        """Whether the entry is for that rule."""
        references = list_references(document)
        if self.is_glob:
            return any(fnmatchcase(each, self.pattern.lower()) for each in references)
        return normalize_reference(self.pattern) in references

    def find_place(self, *keys: str | int) -> ForeignPlace:
        """Where the value of these keys stands."""
        path = (self.pattern, *keys)
        return ForeignPlace(
            path=self.source.path,
            position=self.source.node.find_position(path),
            node=self.source.node.follow_path(path),
        )

    def locate_condition(self, key: str, number: int, item: str) -> YamlPath:
        """The keys that lead to an item of the alternative of that number in `only` or `exclude`.

        A single alternative may stand there without a list around it.
        """
        is_list = bool(self.find_place(key).node.items)
        return (key, number, item) if is_list else (key, item)

    def build_problem(self, keys: Sequence[str | int], message: str) -> Problem:
        """Something wrong with, or odd about, the value of these keys."""
        place = self.find_place(*keys)
        return Problem(
            path=place.path,
            line=place.position.line,
            column=place.position.column,
            message=message,
        )


def list_entries(tune: Mapping[str, TuneSettings], source: RulesSource) -> tuple[TuningEntry, ...]:
    """The entries in the order in which they apply: globs as they stand there, then names."""
    entries = [
        TuningEntry(pattern=pattern, settings=settings, source=source)
        for pattern, settings in tune.items()
    ]
    return tuple(sorted(entries, key=lambda entry: not entry.is_glob))
