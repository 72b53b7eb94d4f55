"""The event table's columns: the canonical ones, those of each event type, and stored names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import count
from types import MappingProxyType

from collector.model import EventFamily
from collector.model.event_columns import (
    ADDRESS_KEYS,
    CANONICAL_COLUMNS,
    COMMON_COLUMNS,
    NAME_COLUMNS,
)
from collector.normalize.column_mappings import is_verbatim_column, resolve_mapping
from collector.normalize.derived_types import DERIVED_EVENT_TYPES, DerivedTypeSql
from collector.normalize.query_outlines import SOQL_COLUMNS

COMPUTED_COLUMNS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "target_user_id": frozenset({"target_user"}),
        "target_user_name": frozenset({"target_user"}),
        "source_ip": frozenset({"network", "country", "asn", "as_org"}),
        "user_agent": frozenset({"agent_family"}),
        "uri": frozenset({"uri_pattern"}),
        "query": frozenset({"entity", *SOQL_COLUMNS}),
    }
)
"""By canonical column, those that are computed from it."""


_MORE_DERIVED_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"BulkJob": frozenset({"user_name", "user_type"})}
)
"""By derived event type, columns that its sources have in some orgs, though undocumented."""

FIELD_ALIASES: Mapping[str, str] = MappingProxyType(
    {f"soql.{column.removeprefix('soql_')}": column for column in SOQL_COLUMNS}
)
"""By the name that rules use, the canonical column that it stands for."""

_SHARED_NAMES = CANONICAL_COLUMNS.keys() | FIELD_ALIASES.keys()
"""What means the same in every event type."""

NAMESAKE_PREFIX = "raw_"
"""What stands before the name of a native column that is called like a canonical one."""

LOG_OBJECT_SUFFIX = "EventLog"
RENAMED_LOG_OBJECTS = frozenset({"UiTelemetryNavTmEventLog", "UiTelemetryRsrcTmEventLog"})
"""Event log objects that are not called as their log files are. Source: Object Reference."""

MAX_NAME_LENGTH = 120
_UNUSUAL_CHARACTER = re.compile(r"[^A-Za-z0-9_.]")


def list_event_types() -> frozenset[str]:
    """Every documented event type."""
    return frozenset(_map_families()) | DERIVED_EVENT_TYPES.keys()


def find_family(event_type: str) -> EventFamily | None:
    """The family of an event type; None if it is undocumented."""
    if event_type in DERIVED_EVENT_TYPES:
        return EventFamily.DERIVED
    return _map_families().get(event_type)


def list_native_columns(event_type: str) -> frozenset[str]:
    """The native columns that Salesforce documents for a type, in both forms of stored events."""
    return frozenset(
        column for types in _load_native_columns().values() for column in types.get(event_type, ())
    )


@cache
def list_fields(event_type: str) -> frozenset[str] | None:
    """Every name that a rule may use on events of this type; None if its columns are not known."""
    family = find_family(event_type)
    if family is None or family is EventFamily.LOG_OBJECT:
        return None
    if family is EventFamily.DERIVED:
        return _list_derived_fields(DERIVED_EVENT_TYPES[event_type])
    natives = list_native_columns(event_type)
    filled_columns = {
        column
        for column, candidates in resolve_mapping(event_type).items()
        if any(candidate.native_column in natives for candidate in candidates)
    }
    filled_columns |= {key for column, key in ADDRESS_KEYS.items() if column in filled_columns}
    for source, columns in COMPUTED_COLUMNS.items():
        filled_columns |= columns if source in filled_columns else set()
    aliases = {name for name, column in FIELD_ALIASES.items() if column in filled_columns}
    return COMMON_COLUMNS | filled_columns | aliases | natives


def _list_derived_fields(derived: DerivedTypeSql) -> frozenset[str]:
    """The columns that some source fills, and those that only the type itself has."""
    told = (list_fields(source) for source in derived.source_types)
    own = derived.columns.keys() - CANONICAL_COLUMNS.keys()
    return frozenset(own | _MORE_DERIVED_FIELDS.get(derived.event_type, frozenset())).union(
        *(fields & _SHARED_NAMES for fields in told if fields is not None)
    )


def find_physical_column(field: str, event_type: str) -> str:
    """The column that holds a field, canonical or native, of events of this type.

    A native column whose name is a canonical one but for case, and which the type's mapping reads
    as plain text, alone fills that canonical column and is stored under the canonical name. Every
    other namesake is stored as `raw_<NATIVE>`, all the rest under its own name.
    """
    if field in CANONICAL_COLUMNS:
        return field
    if field in FIELD_ALIASES:
        return FIELD_ALIASES[field]
    name = _clean_name(field)
    if name.lower() not in CANONICAL_COLUMNS:
        return name
    return name.lower() if is_verbatim_column(name, event_type) else f"{NAMESAKE_PREFIX}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeColumn:
    """Where a column of a file is stored.

    Attributes:
        canonical: the canonical column that it alone fills, if it does.
        stored_name: the name under which it is stored besides: all of its values, or, where it
            fills a canonical column, those that this does not have as they came. None if that
            has them all.
    """

    canonical: str | None
    stored_name: str | None


def assign_native_columns(columns: Sequence[str], event_type: str) -> tuple[NativeColumn, ...]:
    """Where each column of a file is stored.

    Names are distinct whatever the case: the later of two that are not carries a suffix, `_2`.
    """
    names = set(CANONICAL_COLUMNS)
    verbatim_columns: set[str] = set()
    result: list[NativeColumn] = []
    for column in map(_clean_name, columns):
        namesake = column.lower() if column.lower() in CANONICAL_COLUMNS else None
        is_verbatim = (
            namesake is not None
            and is_verbatim_column(column, event_type)
            and namesake not in verbatim_columns
        )
        canonical = namesake if is_verbatim else None
        if canonical is not None:
            verbatim_columns.add(canonical)
        if canonical is not None and canonical not in NAME_COLUMNS:
            result.append(NativeColumn(canonical=canonical, stored_name=None))
            continue
        name = _make_distinct(f"{NAMESAKE_PREFIX}{column}" if namesake else column, names)
        names.add(name.lower())
        result.append(NativeColumn(canonical=canonical, stored_name=name))
    return tuple(result)


def _clean_name(name: str) -> str:
    """A name that any engine and file format can carry."""
    return _UNUSUAL_CHARACTER.sub("_", name.strip())[:MAX_NAME_LENGTH] or "unnamed"


def _make_distinct(name: str, names: Iterable[str]) -> str:
    if name.lower() not in names:
        return name
    return next(f"{name}_{n}" for n in count(2) if f"{name}_{n}".lower() not in names)


@cache
def _load_native_columns() -> dict[str, dict[str, list[str]]]:
    text = files("collector.normalize").joinpath("columns.json").read_text("utf-8")
    documented: dict[str, dict[str, list[str]]] = json.loads(text)
    return documented


@cache
def _map_families() -> dict[str, EventFamily]:
    families = (EventFamily.LOG_FILE, EventFamily.STORED, EventFamily.OBJECT)
    documented = {
        event_type: family for family in families for event_type in _load_native_columns()[family]
    }
    log_objects = {f"{name}{LOG_OBJECT_SUFFIX}" for name in _load_native_columns()["elf"]}
    return documented | dict.fromkeys(log_objects | RENAMED_LOG_OBJECTS, EventFamily.LOG_OBJECT)
