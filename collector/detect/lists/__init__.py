"""The value lists that rules may name, of rule folders and of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from collector.detect.lists import list_files
from collector.detect.lists.value_list import ListEntry, ValueList
from collector.errors import Problem, RulesError


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLists:
    """Value lists by name."""

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
        return name in self.by_name

    def __getitem__(self, name: str) -> ValueList:
        return self.by_name[name]

    def find_entry(
        self, name: str, value: str, at: datetime, *, field: str | None = None
    ) -> ListEntry | None:
        """The entry of a list that holds an event's value, as `ValueList.find_entry` says."""
        value_list = self.by_name.get(name)
        return value_list.find_entry(value, at, field=field) if value_list else None


NO_LISTS = ValueLists()


def load_lists(
    paths: Sequence[Path],
    configured_lists: Mapping[str, Sequence[str] | Path] = MappingProxyType({}),
    *,
    left_out: AbstractSet[Path] = frozenset(),
) -> ValueLists:
    """The lists below folders of rules, and further ones.

    Args:
        paths: what rules are loaded from; of it, the files (`*.yml`, `*.yaml`) in folders that are
            called `lists`.
        configured_lists: by name, values (a network among them counts as one) or a file, which is
            added to the list of that name: `*.yml` and `*.yaml` as in a folder, anything else with
            one value or network a line.
        left_out: files that are not read.

    Raises RulesError with every problem of every file.
    """
    problems: list[Problem] = []
    entries_by_name: dict[str, dict[ListEntry, None]] = {}
    warnings_by_name: dict[str, list[Problem]] = {}
    for name, source in [
        *((None, path) for path in list_files.find_list_files(paths)),
        *configured_lists.items(),
    ]:
        if isinstance(source, Path) and source in left_out:
            continue
        try:
            value_list = list_files.read_list(source, name=name)
        except RulesError as error:
            problems += error.problems
        else:
            entries_by_name.setdefault(value_list.name, {}).update(
                dict.fromkeys(value_list.entries)
            )
            warnings_by_name.setdefault(value_list.name, []).extend(value_list.warnings)
    if problems:
        raise RulesError(problems)
    return ValueLists(
        by_name={
            name: ValueList(
                name=name, entries=tuple(entries), warnings=tuple(warnings_by_name[name])
            )
            for name, entries in sorted(entries_by_name.items())
        }
    )
