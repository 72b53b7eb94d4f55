"""The table of fields: one line for each thing that is known of a user, app, report or object.

From it come the keys of a stored entry, what rules may name (`user.profile`), and how an event
finds the entry that such a field is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

EntryKind: TypeAlias = Literal["user", "app", "report", "object"]
"""What an entry of the directory is about."""

ENTRY_KINDS: tuple[EntryKind, ...] = get_args(EntryKind)
"""All kinds, in the order in which they are read."""

EntryType: TypeAlias = Literal["VARCHAR", "BOOLEAN", "TIMESTAMPTZ"]
"""A type of DuckDB's."""

LIST_SEPARATOR = ","
"""Between the members of a list where it stands in a text column; no member has one in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryField:
    """One thing that is known of every entry of a kind; null where the org keeps it from us.

    Attributes:
        key: its key in an entry's values.
        rule_name: what follows the point in a rule's field, such as `active` in `user.active`, and
            the column of a hunt.
        sql_type: its DuckDB type as a column; of a list, whose values are text with separators,
            that of the text.
        separator: what stands between the members of a list; None for what is no list.
        description: what it means, and where it comes from, in words for people.
    """

    key: str
    rule_name: str
    sql_type: EntryType = "VARCHAR"
    separator: str | None = None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryRole:
    """What an entry is to an event: the user who did it, the one to whom it was done, its app.

    Attributes:
        name: what stands before the point in a rule's field.
        event_columns: the columns of an event that hold the entry's id, of 15 or 18 characters (of
            an object its API name); the first that has a value counts.
    """

    name: str
    kind: EntryKind
    event_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryField:
    """A field that a rule may name, such as `target_user.profile`."""

    name: str
    role: DirectoryRole
    field: EntryField


def _list(key: str, description: str) -> EntryField:
    return EntryField(key=key, rule_name=key, separator=LIST_SEPARATOR, description=description)


def _text(key: str, description: str, *, rule_name: str = "") -> EntryField:
    return EntryField(key=key, rule_name=rule_name or key, description=description)


def _truth(key: str, description: str, *, rule_name: str = "") -> EntryField:
    return EntryField(
        key=key, rule_name=rule_name or key, sql_type="BOOLEAN", description=description
    )


def _time(key: str, description: str) -> EntryField:
    return EntryField(key=key, rule_name=key, sql_type="TIMESTAMPTZ", description=description)


_IS_DELETED = _truth("is_deleted", "true once it is gone from the org; else null")

ENTRY_FIELDS: Mapping[EntryKind, tuple[EntryField, ...]] = MappingProxyType(
    {
        "user": (
            _text("name", "the full name (User.Name)"),
            _text("username", "the name to log in with (User.Username)"),
            _text("email", "the e-mail address (User.Email)"),
            _text("profile", "the name of the profile (Profile.Name)"),
            _text("role", "the name of the role (UserRole.Name)"),
            _text("manager_id", "the id of the manager, of 18 characters (User.ManagerId)"),
            _text("manager", "the full name of the manager"),
            _truth("is_active", "whether the user may log in (User.IsActive)", rule_name="active"),
            _text(
                "user_type",
                "Standard, Guest, CspLitePortal, … (User.UserType)",
                rule_name="type",
            ),
            _text("license", "the name of the user licence (Profile.UserLicense.Name)"),
            _time("created", "when the user was created (User.CreatedDate)"),
            _time(
                "last_login",
                "the last login (User.LastLoginDate), up to a week behind: no login makes a version"
                " of its own",
            ),
            _list(
                "permission_sets",
                "the API names of the permission sets and groups of these that are assigned",
            ),
            _list(
                "high_risk_permissions",
                "the API names of those of its permissions that open all data or Setup, such as"
                " ModifyAllData, from the profile and from all permission sets",
            ),
            _truth(
                "is_api_only", "whether the user may log in through the API alone (ApiUserOnly)"
            ),
            _truth(
                "is_admin",
                "whether the user may change who may do what: ModifyAllData, ManageUsers or"
                " CustomizeApplication; `directory.admins` overrides it",
            ),
            _truth(
                "is_integration",
                "whether a program acts as this user; `directory.integration_users` overrides it",
            ),
        ),
        "app": (
            _text("name", "the name of the app"),
            _text("kind", "`connected` or `external client`"),
            _time("created", "when the app came to the org (CreatedDate)"),
            _truth(
                "is_admin_approved_only",
                "whether only users whom an admin has approved may use it",
            ),
            _truth("is_internal", "whether it is one of Salesforce's own (OptionsIsInternal)"),
            _text("start_url", "where it starts (StartUrl)"),
            _IS_DELETED,
        ),
        "report": (
            _text("name", "the name of the report (Report.Name)"),
            _text("folder", "the name of its folder (Report.FolderName)"),
            _text("owner_id", "the id of its owner, of 18 characters (Report.OwnerId)"),
            _text("format", "Tabular, Summary, Matrix, … (Report.Format)"),
            _IS_DELETED,
        ),
        "object": (
            _text("label", "the object's name for people (EntityDefinition.Label)"),
            _text("key_prefix", "the first three characters of its records' ids"),
            _truth("is_custom", "whether it is the org's own, `…__c`"),
            _IS_DELETED,
        ),
    }
)
"""What is known of the entries of each kind; the keys are those of a stored entry's values."""

SHOWN_NAMES: Mapping[str, str] = MappingProxyType(
    {field.key: field.rule_name for fields in ENTRY_FIELDS.values() for field in fields}
)
"""By key of an entry's values, the name by which people know it: in rules, hunts and messages."""

DIRECTORY_ROLES = (
    DirectoryRole(name="user", kind="user", event_columns=("user_id",)),
    DirectoryRole(name="target_user", kind="user", event_columns=("target_user_id",)),
    DirectoryRole(name="app", kind="app", event_columns=("app_id",)),
    DirectoryRole(
        name="report",
        kind="report",
        event_columns=("REPORT_ID_DERIVED", "REPORT_ID", "ReportId", "Report", "URI_ID_DERIVED"),
    ),
    DirectoryRole(name="object", kind="object", event_columns=("entity",)),
)
"""What entries are to events."""

DIRECTORY_FIELDS: Mapping[str, DirectoryField] = MappingProxyType(
    {
        f"{role.name}.{field.rule_name}": DirectoryField(
            name=f"{role.name}.{field.rule_name}", role=role, field=field
        )
        for role in DIRECTORY_ROLES
        for field in ENTRY_FIELDS[role.kind]
    }
)
"""Every field of the directory that a rule may name, by its name there."""
