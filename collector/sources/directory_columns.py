"""What of a record goes into the directory: the columns that the org shows, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.directory.fields import SHOWN_NAMES
from collector.errors import NotAvailableError
from collector.salesforce.soql import parse_datetime
from collector.sources.contract import SourceContext

MAX_TEXT_CHARACTERS = 1_000
"""More than any name in Salesforce has; what is longer is cut."""

STAMP = "SystemModstamp"

_RELATED_OBJECTS = {
    "Profile": "Profile",
    "UserRole": "UserRole",
    "Manager": "User",
    "UserLicense": "UserLicense",
    "PermissionSet": "PermissionSet",
}
_UNSPEAKABLE = re.compile(r"[\x00\ud800-\udfff]")
_MISSING_FIELD = re.compile(r"No such column '(\w+)' on entity '(\w+)'")
_MISSING_RELATION = re.compile(r"relationship '(\w+)'")
_ID_PATTERN = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryColumn:
    """A column that fills a key of an entry's values.

    Attributes:
        path: the field, relations with dots: `Profile.Name`.
        needs: the permission without which an org does not show it; empty where only field-level
            security can hide it.
    """

    key: str
    path: str
    needs: str = ""


class ColumnChoice:
    """The columns of one object that an org shows. For one thread.

    What a query was refused for is left out of the next ones.
    """

    def __init__(self, object_name: str, columns: Sequence[EntryColumn]) -> None:
        self._object_name = object_name
        self._columns = tuple(columns)
        self._refused: set[str] = set()

    def list_readable(self, context: SourceContext) -> list[EntryColumn]:
        """The columns to ask for. Raises SalesforceError."""
        described = {field.name for field in context.catalog.describe_object(self._object_name)}
        objects = context.catalog.list_object_names()
        return [
            column
            for column in self._columns
            if column.path not in self._refused and _is_shown(column.path, described, objects)
        ]

    def shows(self, context: SourceContext, path: str) -> bool:
        """Whether a column can be asked for. Raises SalesforceError."""
        return any(column.path == path for column in self.list_readable(context))

    def list_hidden(self, context: SourceContext) -> list[EntryColumn]:
        """The others."""
        readable = self.list_readable(context)
        return [column for column in self._columns if column not in readable]

    def refuse_named(self, error: NotAvailableError) -> bool:
        """Leave out the columns that a refusal names; whether there is any that was not yet."""
        fields = {(entity, name) for name, entity in _MISSING_FIELD.findall(str(error))}
        relations = set(_MISSING_RELATION.findall(str(error)))
        refused = {
            column.path
            for column in self._columns
            if self._find_field(column.path) in fields
            or not relations.isdisjoint(column.path.split(".")[:-1])
        }
        is_news = not refused <= self._refused
        self._refused |= refused
        return is_news

    def _find_field(self, path: str) -> tuple[str, str]:
        """The object and the field that a path leads to."""
        *relations, name = path.split(".")
        last = relations[-1] if relations else ""
        return _RELATED_OBJECTS.get(last, last) or self._object_name, name


def describe_hidden(columns: Iterable[EntryColumn]) -> str:
    """What is kept from us, in words: `role (needs 'View Roles and Role Hierarchy'), email`."""
    needs: dict[str, list[str]] = {}
    for column in columns:
        if (name := SHOWN_NAMES.get(column.key, column.key)) not in needs.setdefault(
            column.needs, []
        ):
            needs[column.needs].append(name)
    return ", ".join(
        f"{' and '.join(keys)} (needs '{permission}')"
        if permission
        else f"{' and '.join(keys)} (field-level security)"
        for permission, keys in needs.items()
    )


def read_path(record: Mapping[str, Any], path: str) -> Any:
    """The value of a field, or of one of a related record; None where there is none."""
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def read_values(record: Mapping[str, Any], columns: Iterable[EntryColumn]) -> dict[str, Any]:
    """The values of a record by their keys; of columns of one key the first that has one."""
    values: dict[str, Any] = {}
    for column in columns:
        value = clean_value(read_path(record, column.path))
        if value is not None:
            values.setdefault(column.key, value)
    return values


def clean_value(value: Any) -> str | bool | None:
    """A text or truth as it may be stored in any database; None for whatever else it is."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    return _UNSPEAKABLE.sub("\ufffd", value)[:MAX_TEXT_CHARACTERS] or None


def read_time(value: Any) -> str | None:
    """A time as Salesforce writes it, in ISO 8601 and UTC; None for what is none."""
    try:
        return parse_datetime(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def list_identified(records: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The records that have an Id."""
    return (record for record in records if is_record_id(record.get("Id")))


def is_record_id(value: Any) -> bool:
    """Whether that is the form of a record's Id."""
    return isinstance(value, str) and _ID_PATTERN.fullmatch(value) is not None


def _is_shown(path: str, described: set[str], objects: frozenset[str]) -> bool:
    head, *rest = path.split(".")
    if not rest:
        return head in described
    relations = [head, *rest[:-1]]
    return f"{head}Id" in described and all(
        _RELATED_OBJECTS.get(relation, relation) in objects for relation in relations
    )
