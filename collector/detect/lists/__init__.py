"""The value lists that rules may name, of rule folders and of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from collector.detect.lists import list_files
from collector.detect.lists.list_checks import build_entry
from collector.detect.lists.value_list import ListEntry, ValueList
from collector.errors import Problem, RulesError


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLists:
    """Value lists by name; rules may write the names in capitals, as Sigma's `%Servers%` is."""

    by_name: Mapping[str, ValueList] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """The names of all lists."""
        return frozenset(self.by_name)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings of all lists."""
        return tuple(each for one in self.by_name.values() for each in one.warnings)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.by_name

    def __getitem__(self, name: str) -> ValueList:
        return self.by_name[name.lower()]

    def find_entry(
        self, name: str, value: str, at: datetime, *, field: str | None = None
    ) -> ListEntry | None:
        """The entry of a list that holds an event's value, as `ValueList.find_entry` says."""
        value_list = self.by_name.get(name.lower())
        return value_list.find_entry(value, at, field=field) if value_list else None

    def find_expired_entry(
        self, name: str, value: str, at: datetime, *, field: str | None = None
    ) -> ListEntry | None:
        """The same for an entry that has expired, as `ValueList.find_expired_entry` says."""
        value_list = self.by_name.get(name.lower())
        return value_list.find_expired_entry(value, at, field=field) if value_list else None


NO_LISTS = ValueLists()


def replace_entries(lists: ValueLists, entries: Mapping[str, Sequence[Any]]) -> ValueLists:
    """The lists, some of them with other entries, which are written as in a list's file."""
    replaced = {
        name: ValueList(name=name, entries=tuple(build_entry(each, {}) for each in written))
        for name, written in entries.items()
    }
    return ValueLists(by_name={**lists.by_name, **replaced})


def load_lists(
    paths: Sequence[Path],
    configured_lists: Mapping[str, list_files.ListSource] = MappingProxyType({}),
    *,
    further_lists: Mapping[str, Sequence[str] | Path] = MappingProxyType({}),
    left_out: AbstractSet[Path] = frozenset(),
) -> ValueLists:
    """The lists below folders of rules, and further ones.

    Args:
        paths: what rules are loaded from; of it, the files (`*.yml`, `*.yaml`) in folders that are
            called `lists`.
        configured_lists: by name, values (a network among them counts as one) or a file, which is
            added to the list of that name: `*.yml` and `*.yaml` as in a folder, anything else with
            one value or network a line. A document has entries as a file has them.
        further_lists: the same once more, added to both.
        left_out: files that are not read; what is wrong with a document of one is not told, and the
            document left out.

    Raises RulesError with every problem of every file.
    """
    problems: list[Problem] = []
    parts_by_name: dict[str, list[ValueList]] = {}
    for name, source in [
        *((None, path) for path in list_files.find_list_files(paths)),
        *configured_lists.items(),
        *further_lists.items(),
    ]:
        if isinstance(source, Path) and source in left_out:
            continue
        try:
            value_list = list_files.read_list(source, name=name)
        except RulesError as error:
            problems += (each for each in error.problems if each.path not in left_out)
        else:
            parts_by_name.setdefault(value_list.name, []).append(value_list)
    if problems:
        raise RulesError(problems)
    return ValueLists(
        by_name={name: _join_lists(name, parts) for name, parts in sorted(parts_by_name.items())}
    )


def _join_lists(name: str, parts: Sequence[ValueList]) -> ValueList:
    """One list of those of one name, in which an entry stands once."""
    return ValueList(
        name=name,
        entries=tuple(dict.fromkeys(entry for part in parts for entry in part.entries)),
        warnings=tuple(warning for part in parts for warning in part.warnings),
        is_optional=any(part.is_optional for part in parts),
    )
