"""Names for people: what is shown of an id, and what of an event the directory completes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from collector.directory.fields import (
    DIRECTORY_FIELDS,
    DIRECTORY_ROLES,
    DirectoryRole,
    EntryType,
)

DISPLAY_KEY = "display"
"""The column, beside those of the values, with what is shown of a user."""

FieldColumn: TypeAlias = tuple[DirectoryRole, str, EntryType]
"""Where a field comes from: what the entry is to the event, the key of its value, its type."""

_ROLES = {role.name: role for role in DIRECTORY_ROLES}

DISPLAY_FIELDS: Mapping[str, DirectoryRole] = MappingProxyType(
    {f"{role.name}.{DISPLAY_KEY}": role for role in DIRECTORY_ROLES if role.kind == "user"}
)
"""Further fields of rules: the full name, the login name behind it; or what is known of both."""

NAMED_FIELDS: Mapping[str, FieldColumn] = MappingProxyType(
    {
        **{
            name: (each.role, each.field.key, each.field.sql_type)
            for name, each in DIRECTORY_FIELDS.items()
        },
        **{name: (role, DISPLAY_KEY, "VARCHAR") for name, role in DISPLAY_FIELDS.items()},
    }
)
"""Every field of the directory that a rule may name."""

ID_FIELDS = frozenset(name for name, (_, key, _) in NAMED_FIELDS.items() if key.endswith("_id"))
"""Fields with ids of records."""

TEXT_FIELDS = frozenset(
    name
    for name, (_, _, sql_type) in NAMED_FIELDS.items()
    if sql_type == "VARCHAR" and name not in ID_FIELDS
)
"""Fields with text, which is kept in the plain form of names."""

COMPLETED_COLUMNS: Mapping[str, tuple[DirectoryRole, str]] = MappingProxyType(
    {
        "user_name": (_ROLES["user"], "username"),
        "app_name": (_ROLES["app"], "name"),
        "target_user_name": (_ROLES["target_user"], "username"),
    }
)
"""Columns with names that an event may lack: whose they are, and the key of the value."""

LOOKED_UP_COLUMNS: Mapping[str, str] = MappingProxyType(
    {"user_id": "user_name", "target_user_id": "target_user_name"}
)
"""Columns with ids of users that an event may lack: the column with a name instead.

That is a login name, or a full name that only one user has.
"""


def render_user(name: str | None, username: str | None) -> str | None:
    """`Ada Lovelace (ada@acme.com)`, or what is known of the two."""
    if name and username and name != username:
        return f"{name} ({username})"
    return name or username or None
