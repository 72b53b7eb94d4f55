"""Joins what the directory knew at their time to events: fields of rules, and lacking names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType

from collector.directory.display_names import COMPLETED_COLUMNS, LOOKED_UP_COLUMNS, NAMED_FIELDS
from collector.directory.fields import DIRECTORY_ROLES, DirectoryRole, EntryKind
from collector.escaping import quote_identifier, quote_literal
from collector.evaluation.version_tables import render_entry_key
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize.name_only_types import list_name_only_types
from collector.plain_names import simplify_name

COMPLETED_NAMES = frozenset({*COMPLETED_COLUMNS, *LOOKED_UP_COLUMNS}) & CANONICAL_COLUMNS.keys()
"""The columns of events that the directory completes."""


NAME_MARK = "name:"
"""What stands before a name in the key of a user; no id has it."""

_ONLY_ENTRY = "CASE WHEN count(DISTINCT v.entry_id) = 1 THEN min(v.entry_id) END"
"""SQL: the only one of the users that are called so; NULL of several."""


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class VersionTable:
    """A table of the engine with the versions of a kind (`version_tables`); `name` is quoted."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryState:
    """The settled versions of an org's directory, of the kinds of which there are some."""

    revision: int = 0
    tables: Mapping[EntryKind, VersionTable] = field(default_factory=dict)


def _load_nothing() -> DirectoryState:
    return DirectoryState()


@dataclass(slots=True, kw_only=True)
class EventDirectory:
    """The directory of one org, as long as a batch is at work.

    It is read when something of it is needed, and from then on it is the same.
    """

    load_state: Callable[[], DirectoryState] = _load_nothing
    _state: DirectoryState | None = None

    @property
    def revision(self) -> int | None:
        """The revision of what has been read; None where nothing has."""
        return None if self._state is None else self._state.revision

    def add_fields(
        self,
        relation: str,
        columns: AbstractSet[str],
        wanted: Iterable[str],
        event_type: str | None = None,
    ) -> str:
        """A FROM item over a relation with these columns, in which what is wanted is there.

        Of `wanted` only fields of the directory and columns that it completes count; fields that
        the relation has already are left as they are. Rows stay what they are: none comes or goes.
        `event_type` is the type of its events; None where they are few, of whatever type.
        """
        present = {name.lower(): name for name in columns}
        fields = [name for name in wanted if name in NAMED_FIELDS and name.lower() not in present]
        lookups = list_lookups(None if event_type is None else (event_type,))
        completable = (COMPLETED_NAMES & columns) - (LOOKED_UP_COLUMNS.keys() - lookups)
        completed = [name for name in wanted if name in completable]
        if not fields and not completed:
            return relation
        if self._state is None:
            self._state = self.load_state()
        join = _DirectoryJoin(tables=self._state.tables, present=present, lookups=lookups)
        return join.build_relation(relation, dict.fromkeys(fields), dict.fromkeys(completed))

    def select_held_versions(
        self, relation: str, columns: AbstractSet[str], fields: Iterable[str]
    ) -> Iterator[tuple[str, str]]:
        """For each role that fields of the directory are about: its name, and SQL.

        The SQL gives event_uid, id of the entry, and from when to when (microseconds) the version
        holds that these fields are of, for each event of a relation with these columns.
        """
        roles = {NAMED_FIELDS[name][0].name for name in fields if name in NAMED_FIELDS}
        if roles and self._state is None:
            self._state = self.load_state()
        join = _DirectoryJoin(
            tables=self._state.tables if self._state else {},
            present={name.lower(): name for name in columns},
        )
        for role in DIRECTORY_ROLES:
            if role.name in roles and (sql := join.select_versions(relation, role)):
                yield role.name, sql


@dataclass(frozen=True, slots=True, kw_only=True)
class _DirectoryJoin:
    """Events with the versions that held at their times.

    Attributes:
        present: their columns by lower case.
        lookups: columns with ids that are found by names where they are empty.
    """

    tables: Mapping[EntryKind, VersionTable]
    present: Mapping[str, str]
    lookups: frozenset[str] = frozenset()

    def build_relation(self, relation: str, fields: Iterable[str], completed: Iterable[str]) -> str:
        lookups = [name for name in sorted(self.lookups) if self._can_look_up(name)]
        names = list(completed)
        if "user" in self.tables and (
            set(lookups) & {*names, *(column for r in _list_roles(fields, names) for column in r)}
        ):
            relation = self._look_ids_up(relation, lookups)
        selected, joins, replaced = [], dict[str, str](), []
        for name in fields:
            role, key, sql_type = NAMED_FIELDS[name]
            join = self._build_join(role)
            value = f"{_name_alias(role)}.{quote_identifier(key)}" if join else "NULL"
            selected.append(f"CAST({value} AS {sql_type}) AS {quote_identifier(name)}")
            joins |= {role.name: join} if join else {}
        for name in names:
            if name in COMPLETED_COLUMNS and (join := self._build_join(COMPLETED_COLUMNS[name][0])):
                role, key = COMPLETED_COLUMNS[name]
                joins[role.name] = join
                value = f"{_name_alias(role)}.{quote_identifier(key)}"
                column = quote_identifier(name)
                replaced.append(f"coalesce(e.{column}, {value}) AS {column}")
        if not selected and not joins:
            return relation
        replacement = f" REPLACE ({', '.join(replaced)})" if replaced else ""
        columns = ", ".join([f"e.*{replacement}", *selected])
        return f"(SELECT {columns} FROM {relation} AS e{''.join(joins.values())})"

    def _build_join(self, role: DirectoryRole) -> str:
        """SQL that joins the version of a role; empty where there can be none."""
        table = self.tables.get(role.kind)
        subject = self.render_key(role, "e")
        if table is None or subject is None:
            return ""
        alias = _name_alias(role)
        return (
            f" LEFT JOIN {table.name} AS {alias} ON {alias}.entry_key = {subject}"
            f' AND {alias}.since <= epoch_us(e."time")'
            f' AND epoch_us(e."time") < {alias}.until'
        )

    def select_versions(self, relation: str, role: DirectoryRole) -> str:
        """SQL for `EventDirectory.select_held_versions`; empty where there can be none."""
        join, alias = self._build_join(role), _name_alias(role)
        if not join:
            return ""
        return (
            f"SELECT e.event_uid, {alias}.entry_id, {alias}.since, {alias}.until"
            f" FROM {relation} AS e{join} WHERE {alias}.entry_id IS NOT NULL"
        )

    def render_key(self, role: DirectoryRole, alias: str) -> str | None:
        """SQL: the key of the entry that an event means by a role; None where it has no column."""
        columns = [self.present[c.lower()] for c in role.event_columns if c.lower() in self.present]
        if not columns:
            return None
        values = [f"nullif({alias}.{quote_identifier(column)}, '')" for column in columns]
        subject = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
        return render_entry_key(role.kind, subject)

    def _can_look_up(self, name: str) -> bool:
        return {name, LOOKED_UP_COLUMNS[name]} <= self.present.keys()

    def _look_ids_up(self, relation: str, names: Iterable[str]) -> str:
        """The relation with the ids of users of whom an event has the name alone."""
        replaced = [
            # Of several of a login name, which there should not be, one; of a full name, none.
            f"coalesce(e.{quote_identifier(name)},"
            f" {self._find_user(name, 'username_key', 'min(v.entry_id)')},"
            f" {self._find_user(name, 'name_key', _ONLY_ENTRY)}) AS {quote_identifier(name)}"
            for name in names
        ]
        return f"(SELECT e.* REPLACE ({', '.join(replaced)}) FROM {relation} AS e)"

    def _find_user(self, name: str, key: str, chosen: str) -> str:
        """SQL: the id of the user whose key is the name that an event has in place of an id."""
        return (
            f"(SELECT {chosen} FROM {self.tables['user'].name} AS v"
            f" WHERE v.{key} = lower(e.{quote_identifier(LOOKED_UP_COLUMNS[name])})"
            ' AND v.since <= epoch_us(e."time") AND epoch_us(e."time") < v.until)'
        )


def _list_roles(fields: Iterable[str], completed: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The columns by which what is wanted is found."""
    for name in fields:
        yield NAMED_FIELDS[name][0].event_columns
    for name in completed:
        if name in COMPLETED_COLUMNS:
            yield COMPLETED_COLUMNS[name][0].event_columns


def _name_alias(role: DirectoryRole) -> str:
    return quote_identifier(f"#{role.name}")  # no column of Salesforce's can have this name


def render_event_keys(columns: AbstractSet[str], kind: EntryKind, alias: str) -> list[str]:
    """SQL: the keys of all entries of a kind that an event with these columns is about."""
    join = _DirectoryJoin(
        tables=MappingProxyType({}), present={name.lower(): name for name in columns}
    )
    keys = [join.render_key(role, alias) for role in DIRECTORY_ROLES if role.kind == kind]
    if kind == "user":
        keys += [
            f"CASE WHEN {alias}.{quote_identifier(name)} IS NULL"
            f" THEN {quote_literal(NAME_MARK)} || lower({alias}.{quote_identifier(source)}) END"
            for name, source in LOOKED_UP_COLUMNS.items()
            if {name, source} <= join.present.keys()
        ]
    return [key for key in keys if key is not None]


def build_name_key(name: str) -> str:
    """The key of a user whom an event has the login name, or the full name, of alone."""
    return f"{NAME_MARK}{simplify_name(name).lower()}"


def list_lookups(event_types: Collection[str] | None) -> frozenset[str]:
    """The columns with ids of users that are looked up by names in events of these types.

    Whoever did something has an id nearly everywhere, and every rule reads it: it is looked up only
    where types have the name alone. None means types of any kind.
    """
    if event_types is None or not list_name_only_types().isdisjoint(event_types):
        return frozenset(LOOKED_UP_COLUMNS)
    return frozenset(LOOKED_UP_COLUMNS) - {"user_id"}
