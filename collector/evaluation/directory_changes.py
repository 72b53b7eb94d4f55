"""What further versions of the directory change: of which entries, when, and for which rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from collector.clock import to_micros
from collector.directory.display_names import (
    COMPLETED_COLUMNS,
    DISPLAY_KEY,
    NAMED_FIELDS,
)
from collector.evaluation.event_directory import COMPLETED_NAMES, build_name_key, list_lookups
from collector.evaluation.file_memory import TimeSpan
from collector.evaluation.rule_selection import micros_to_time
from collector.evaluation.temp_tables import TempTables
from collector.evaluation.version_tables import ALWAYS, NEVER, build_entry_key
from collector.model import Correlation, Rule
from collector.store.settled_directory import DirectoryVersion

ValueKey: TypeAlias = tuple[str, str]
"""A kind of entries, and a key of their values."""

_NAMES: tuple[ValueKey, ...] = (("user", "username"), ("user", "name"))
"""By which users are found whom an event has the name of alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """A span of time of which the directory says something else of an entry.

    Attributes:
        entry_keys: by which events find it.
        since, until: microseconds since 1970, the latter excluded.
        values: the keys of the values that differ.
    """

    kind: str
    entry_keys: frozenset[str]
    since: int
    until: int
    values: frozenset[str]

    @property
    def value_keys(self) -> frozenset[ValueKey]:
        """The same keys with their kind."""
        return frozenset((self.kind, key) for key in self.values)


def find_changes(versions: Sequence[DirectoryVersion]) -> Iterator[EntryChange]:
    """What all versions of an entry, in the order of time, change against the settled ones."""
    settled = [version for version in versions if version.settled]
    starts = [to_micros(version.valid_from) for version in versions]
    points = [ALWAYS, *starts, NEVER]
    for since, until in pairwise(points):
        before, after = (_find_values(each, since) for each in (settled, versions))
        differing = {
            key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        }
        if differing and since < until:
            yield EntryChange(
                kind=versions[0].kind,
                entry_keys=frozenset(_list_entry_keys(versions[0], (before, after))),
                since=since,
                until=until,
                values=frozenset(differing),
            )


def _find_values(versions: Sequence[DirectoryVersion], micros: int) -> Mapping[str, Any]:
    """The values at a time: of the first version before it, too; none without a version."""
    begun = [version for version in versions if to_micros(version.valid_from) <= micros]
    held = begun[-1:] or versions[:1]
    return held[0].values if held else {}


def _list_entry_keys(
    version: DirectoryVersion, values: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    yield build_entry_key(version.kind, version.id)
    if version.kind == "user":
        for each in values:
            names = (each.get(key) for _, key in _NAMES)
            yield from (build_name_key(str(name)) for name in names if name)


# ---- what rules read


def list_condition_keys(rule: Rule, rules: Mapping[str, Rule]) -> frozenset[ValueKey]:
    """The values that decide which events the rule matches, and which of them belong together.

    Of a correlation also those of the rules that it looks at.
    """
    lookups = _list_rule_lookups(rule, rules)
    correlation = rule.aggregation
    if not isinstance(correlation, Correlation):
        return _list_value_keys(rule.condition_fields, lookups)
    aliased = (field for fields in correlation.aliases.values() for field in fields.values())
    measured = () if correlation.field is None else (correlation.field,)
    linked = () if correlation.link is None else (correlation.link.by, *correlation.link.fills)
    asked = {*rule.severity_fields, *correlation.carried, *linked}
    own = _list_value_keys({*correlation.group_by, *measured, *aliased, *asked}, lookups)
    return own.union(*(list_condition_keys(rules[name], rules) for name in correlation.rules))


def list_shown_keys(rule: Rule, rules: Mapping[str, Rule]) -> frozenset[ValueKey]:
    """All values that an alert of the rule depends on: names that it shows are among them."""
    shown = _list_value_keys({*rule.fields, *COMPLETED_NAMES}, list_lookups(None))
    return shown | list_condition_keys(rule, rules)


def is_rated_by_directory(rule: Rule) -> bool:
    """Whether the directory decides which events alert, how gravely, and as which episode."""
    rated = {*rule.condition_fields, *rule.severity_fields, *rule.dedup_key, *rule.dedup_fallback}
    return bool(_list_value_keys(rated, _list_rule_lookups(rule, {})))


def _list_rule_lookups(rule: Rule, rules: Mapping[str, Rule]) -> frozenset[str]:
    """The columns with ids of users that are looked up in events that the rule looks at."""
    if not isinstance(rule.aggregation, Correlation):
        return list_lookups(rule.event_types or None)
    return frozenset[str]().union(
        *(_list_rule_lookups(rules[name], rules) for name in rule.aggregation.rules)
    )


def _list_value_keys(fields: Collection[str], lookups: Collection[str]) -> frozenset[ValueKey]:
    return frozenset(key for name in fields for key in _find_value_keys(name, lookups))


def _find_value_keys(name: str, lookups: Collection[str]) -> Iterator[ValueKey]:
    if name in lookups:
        yield from _NAMES
        return
    if name in COMPLETED_COLUMNS:
        role, key = COMPLETED_COLUMNS[name]
    elif name in NAMED_FIELDS:
        role, key, _ = NAMED_FIELDS[name]
    else:
        return
    yield from (
        (role.kind, each) for each in (("name", "username") if key == DISPLAY_KEY else (key,))
    )
    if not set(lookups).isdisjoint(role.event_columns):
        yield from _NAMES


# ---- tables


def create_changes_table(tables: TempTables, changes: Collection[EntryChange]) -> str:
    """A table with `kind`, `entry_key`, `since` and `until` of changes (`RejudgedEvents`)."""
    rows = [(c.kind, key, c.since, c.until) for c in changes for key in sorted(c.entry_keys)]
    lists = [list(values) for values in zip(*rows, strict=True)] or [[], [], [], []]
    selected = ", ".join(
        f"unnest(${place}::{of}[]) AS {name}"
        for place, (name, of) in enumerate(
            {
                "kind": "VARCHAR",
                "entry_key": "VARCHAR",
                "since": "BIGINT",
                '"until"': "BIGINT",
            }.items(),
            start=1,
        )
    )
    return tables.create_table(f"SELECT {selected}", lists)


def compute_changed_span(changes: Collection[EntryChange]) -> TimeSpan:
    """The times that the changes, of which there must be one, are about."""
    return (
        micros_to_time(min(change.since for change in changes)),
        micros_to_time(max(change.until for change in changes)),
    )
