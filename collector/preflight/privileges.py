"""Whether the integration user can do more than read logs: nothing of that is ever needed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from collector.errors import NotAvailableError, SalesforceError
from collector.model import FindingLevel
from collector.salesforce.soql import render_literal
from collector.sources import SourceContext

PrivilegeAssessment = tuple[FindingLevel, str]

REQUIRED_PERMISSIONS = {
    "CustomizeApplication": "oauth_tokens and IdentityProviderEventStore need it",
    "DelegatedTwoFactor": "IdentityVerificationEvent needs it",
    "ManageDataIntegrations": "bulk_jobs needs it for other users' jobs",
}
"""Permissions to write without which a source stays shut."""

_POWERFUL_PATTERN = re.compile(
    r"Permissions((?:Assign|Author|BulkApiHardDelete|Convert|Create|Customize|DelegatedTwoFactor"
    r"|Delete|Edit|Freeze|Import|Install|Manage|Merge|Modify|Publish|QueryAllFiles|Reset|Transfer"
    r"|ViewAllData\Z|ViewEncryptedData)\w*)"
)
_GRAVEST_PERMISSIONS = (
    "ModifyAllData",
    "ViewAllData",
    "ManageUsers",
    "AuthorApex",
    "ModifyMetadata",
)

_ID_PATTERN = re.compile(r"[A-Za-z0-9]{15,18}", re.ASCII)
_UNREADABLE_MESSAGE = "whether this user can do more than read is not readable"

FIELDS_PER_QUERY = 80
"""So that the query's address stays shorter than what servers and proxies take."""

MAX_NAMES = 6


def assess_privileges(context: SourceContext) -> PrivilegeAssessment:
    """What the user of an org can do beyond reading logs, and what grants it."""
    try:
        user = context.client.user_id
        granted, sets = _read_grants(context, user) if user else ({}, {})
        writable_objects = _list_writable_objects(context, sets)
    except SalesforceError as error:
        return (
            FindingLevel.WARNING,
            f"{_UNREADABLE_MESSAGE}: {error}; it needs 'View Setup and Configuration'",
        )
    if not sets:
        return (
            FindingLevel.WARNING,
            f"{_UNREADABLE_MESSAGE}: the org shows no permission set of this user",
        )
    if not granted and not writable_objects:
        return FindingLevel.OK, f"reads only, by {_join_names(sets.values())}"
    holders = {name for names in granted.values() for name in names} or sets.values()
    advice = "the permission set in config/permissionset is all that is needed"
    powers = _describe_powers(granted, writable_objects)
    return FindingLevel.WARNING, f"more than reading: {powers}, by {_join_names(holders)}; {advice}"


def list_powerful_permissions(fields: Iterable[str]) -> Iterator[str]:
    """The permissions among the fields of PermissionSet that let a user do more than read."""
    matches = (_POWERFUL_PATTERN.fullmatch(name) for name in fields)
    return (match[1] for match in matches if match)


def _describe_powers(granted: Collection[str], writable_objects: Collection[str]) -> str:
    permissions = [_describe_permission(name) for name in sorted(granted, key=_rank_permission)]
    more = [f"and {len(permissions) - MAX_NAMES} more"] if len(permissions) > MAX_NAMES else []
    writing = [f"writing records of {_join_names(writable_objects)}"] if writable_objects else []
    return ", ".join([*permissions[:MAX_NAMES], *more, *writing])


def _read_grants(context: SourceContext, user: str) -> tuple[dict[str, set[str]], dict[str, str]]:
    """The powerful permissions with the sets that grant them, and all sets of the user by id.

    A user's profile is a permission set as well.
    """
    field_names = (field.name for field in context.catalog.describe_object("PermissionSet"))
    fields = [f"Permissions{name}" for name in list_powerful_permissions(field_names)]
    granted: dict[str, set[str]] = {}
    sets: dict[str, str] = {}
    for start in range(0, max(1, len(fields)), FIELDS_PER_QUERY):
        for record in _query_assignments(context, user, fields[start : start + FIELDS_PER_QUERY]):
            related = record.get("PermissionSet")
            permission_set = related if isinstance(related, Mapping) else {}
            name = _describe_permission_set(permission_set)
            sets[str(record.get("PermissionSetId"))] = name
            for field in fields:
                if permission_set.get(field) is True:
                    granted.setdefault(field.removeprefix("Permissions"), set()).add(name)
    return granted, sets


def _query_assignments(
    context: SourceContext, user: str, fields: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    paths = ("Label", "IsOwnedByProfile", "Profile.Name", *fields)
    columns = ", ".join(f"PermissionSet.{path}" for path in paths)
    soql = (
        f"SELECT PermissionSetId, {columns} FROM PermissionSetAssignment"
        f" WHERE AssigneeId = {render_literal(user)}"
    )
    for page in context.client.query(soql):
        yield from page


def _describe_permission_set(permission_set: Mapping[str, Any]) -> str:
    profile = permission_set.get("Profile")
    if permission_set.get("IsOwnedByProfile") is True and isinstance(profile, Mapping):
        return f"the profile {profile.get('Name')}"
    return f"the permission set {permission_set.get('Label')}"


def _list_writable_objects(context: SourceContext, sets: Mapping[str, str]) -> list[str]:
    """The objects whose records the user may create, edit or delete, as far as can be read."""
    parents = ", ".join(render_literal(set_id) for set_id in sets if _ID_PATTERN.fullmatch(set_id))
    if not parents:
        return []
    soql = (
        f"SELECT SobjectType FROM ObjectPermissions WHERE ParentId IN ({parents})"
        " AND (PermissionsCreate = true OR PermissionsEdit = true OR PermissionsDelete = true)"
    )
    try:
        pages = list(context.client.query(soql))
    except NotAvailableError:
        return []
    return sorted({str(record.get("SobjectType")) for page in pages for record in page})


def _rank_permission(name: str) -> tuple[int, str]:
    return (
        _GRAVEST_PERMISSIONS.index(name)
        if name in _GRAVEST_PERMISSIONS
        else len(_GRAVEST_PERMISSIONS),
        name,
    )


def _describe_permission(name: str) -> str:
    """A permission as Setup spells it, more or less: 'Modify All Data'."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return f"'{words}'" + (
        f" ({REQUIRED_PERMISSIONS[name]})" if name in REQUIRED_PERMISSIONS else ""
    )


def _join_names(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    distinct = sorted(set(names))
    more = f" and {len(distinct) - MAX_NAMES} more" if len(distinct) > MAX_NAMES else ""
    return ", ".join(distinct[:MAX_NAMES]) + more
