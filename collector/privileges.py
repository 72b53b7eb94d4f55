"""Whether the integration user can do more than read logs: nothing of that is ever needed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from collector.errors import NotAvailable, SalesforceError
from collector.salesforce.soql import literal
from collector.sources import Context

Verdict = tuple[Literal["ok", "warning"], str]

NEEDED = {
    "CustomizeApplication": "oauth_tokens and IdentityProviderEventStore need it",
    "DelegatedTwoFactor": "IdentityVerificationEvent needs it",
    "ManageDataIntegrations": "bulk_jobs needs it for other users' jobs",
}
"""Permissions to write without which a source stays shut."""

_POWERFUL = re.compile(
    r"Permissions((?:Assign|Author|BulkApiHardDelete|Convert|Create|Customize|DelegatedTwoFactor"
    r"|Delete|Edit|Freeze|Import|Install|Manage|Merge|Modify|Publish|QueryAllFiles|Reset|Transfer"
    r"|ViewAllData\Z|ViewEncryptedData)\w*)"
)
_GRAVEST = ("ModifyAllData", "ViewAllData", "ManageUsers", "AuthorApex", "ModifyMetadata")

_ID = re.compile(r"[A-Za-z0-9]{15,18}", re.ASCII)
_UNKNOWN = "whether this user can do more than read is not readable"

FIELDS_A_QUERY = 80
"""So that the query's address stays shorter than what servers and proxies take."""

SHOWN = 6


def verdict(context: Context) -> Verdict:
    """What the user of an org can do beyond reading logs, and what grants it."""
    try:
        user = context.client.user_id
        granted, sets = _granted(context, user) if user else ({}, {})
        written = _written(context, sets)
    except SalesforceError as error:
        return "warning", f"{_UNKNOWN}: {error}; it needs 'View Setup and Configuration'"
    if not sets:
        return "warning", f"{_UNKNOWN}: the org shows no permission set of this user"
    if not granted and not written:
        return "ok", f"reads only, by {_named(sets.values())}"
    holders = {name for names in granted.values() for name in names} or sets.values()
    advice = "the permission set in config/permissionset is all that is needed"
    return (
        "warning",
        f"more than reading: {_powers(granted, written)}, by {_named(holders)}; {advice}",
    )


def powerful(fields: Iterable[str]) -> Iterator[str]:
    """The permissions among the fields of PermissionSet that let a user do more than read."""
    found = (_POWERFUL.fullmatch(name) for name in fields)
    return (match[1] for match in found if match)


def _powers(granted: Collection[str], written: Collection[str]) -> str:
    told = [_told(name) for name in sorted(granted, key=_gravity)]
    more = [f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
    records = [f"writing records of {_named(written)}"] if written else []
    return ", ".join([*told[:SHOWN], *more, *records])


def _granted(context: Context, user: str) -> tuple[dict[str, set[str]], dict[str, str]]:
    """The powerful permissions with the sets that grant them, and all sets of the user by id.

    A user's profile is a permission set as well.
    """
    described = (field.name for field in context.catalog.describe("PermissionSet"))
    fields = [f"Permissions{name}" for name in powerful(described)]
    granted: dict[str, set[str]] = {}
    sets: dict[str, str] = {}
    for start in range(0, max(1, len(fields)), FIELDS_A_QUERY):
        for record in _assigned(context, user, fields[start : start + FIELDS_A_QUERY]):
            one = record.get("PermissionSet")
            found = one if isinstance(one, Mapping) else {}
            name = _name(found)
            sets[str(record.get("PermissionSetId"))] = name
            for field in fields:
                if found.get(field) is True:
                    granted.setdefault(field.removeprefix("Permissions"), set()).add(name)
    return granted, sets


def _assigned(context: Context, user: str, fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    paths = ("Label", "IsOwnedByProfile", "Profile.Name", *fields)
    columns = ", ".join(f"PermissionSet.{path}" for path in paths)
    soql = (
        f"SELECT PermissionSetId, {columns} FROM PermissionSetAssignment"
        f" WHERE AssigneeId = {literal(user)}"
    )
    for page in context.client.query(soql):
        yield from page


def _name(found: Mapping[str, Any]) -> str:
    profile = found.get("Profile")
    if found.get("IsOwnedByProfile") is True and isinstance(profile, Mapping):
        return f"the profile {profile.get('Name')}"
    return f"the permission set {found.get('Label')}"


def _written(context: Context, sets: Mapping[str, str]) -> list[str]:
    """The objects whose records the user may create, edit or delete, as far as can be read."""
    parents = ", ".join(literal(one) for one in sets if _ID.fullmatch(one))
    if not parents:
        return []
    soql = (
        f"SELECT SobjectType FROM ObjectPermissions WHERE ParentId IN ({parents})"
        " AND (PermissionsCreate = true OR PermissionsEdit = true OR PermissionsDelete = true)"
    )
    try:
        pages = list(context.client.query(soql))
    except NotAvailable:
        return []
    return sorted({str(record.get("SobjectType")) for page in pages for record in page})


def _gravity(name: str) -> tuple[int, str]:
    return (_GRAVEST.index(name) if name in _GRAVEST else len(_GRAVEST), name)


def _told(name: str) -> str:
    """A permission as Setup spells it, more or less: 'Modify All Data'."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return f"'{words}'" + (f" ({NEEDED[name]})" if name in NEEDED else "")


def _named(names: Iterable[str]) -> str:
    """Names in a row; of many, the first ones."""
    found = sorted(set(names))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
