"""What a user may do by the permission sets that are assigned, and what that makes of the user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from collector.sources.directory_columns import EntryColumn, clean_value

ADMIN_PERMISSIONS = ("ModifyAllData", "ManageUsers", "CustomizeApplication")
"""Whoever has one of these can give away, or take, any other permission: an admin."""

API_ONLY_PERMISSION = "ApiUserOnly"

HIGH_RISK_PERMISSIONS = (
    *ADMIN_PERMISSIONS,
    "ViewAllData",
    "AuthorApex",
    "ModifyMetadata",
    "ManageInternalUsers",
    "ManageProfilesPermissionsets",
    "AssignPermissionSets",
    "ResetPasswords",
    "ManageSharing",
    "ManageRemoteAccess",
    "ManageAuthProviders",
    "ManageCertificates",
    "ManageEncryptionKeys",
    "ViewEncryptedData",
    "ManageIpAddresses",
    "ManageLoginAccessPolicies",
    "BulkApiHardDelete",
    "DataExport",
    "QueryAllFiles",
    "InstallPackaging",
    "DelegatedTwoFactor",
    "CanApproveUninstalledApps",
    "UseAnyApiClient",
)
"""Permissions that open all data, Setup or the ways into the org; names as in PermissionSet."""

PROGRAM_USER_TYPES = frozenset({"AutomatedProcess", "CloudIntegrationUser"})
"""Types of users as which nobody logs in."""

_PROGRAM_WORDS = re.compile(r"\b(integrations?|api only)\b", re.IGNORECASE)
"""In the names of Salesforce's licences and profiles for programs: `Salesforce Integration`,
`Salesforce API Only System Integrations`, `Analytics Cloud Integration User`."""

SET_COLUMNS = tuple(
    EntryColumn(key="high_risk_permissions", path=f"Permissions{name}")
    for name in (API_ONLY_PERMISSION, *HIGH_RISK_PERMISSIONS)
)
"""Of a permission set: what is read of it."""


def read_permissions(assignments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What assignments permit; nothing without any, for a profile's own is shown of every user."""
    sets = [each["PermissionSet"] for each in assignments if _has_set(each)]
    if not sets:
        return {}
    granted = {
        name
        for name in (API_ONLY_PERMISSION, *HIGH_RISK_PERMISSIONS)
        if any(one.get(f"Permissions{name}") is True for one in sets)
    }
    names = {clean_value(one.get("Name")) for one in sets if one.get("IsOwnedByProfile") is False}
    return {
        "permission_sets": sorted(
            name.replace(",", " ") for name in names if isinstance(name, str)
        ),
        "high_risk_permissions": sorted(granted - {API_ONLY_PERMISSION}),
        "is_api_only": API_ONLY_PERMISSION in granted,
        "is_admin": not granted.isdisjoint(ADMIN_PERMISSIONS),
    }


def _has_set(assignment: Mapping[str, Any]) -> bool:
    return isinstance(assignment.get("PermissionSet"), Mapping)


def judge_integration(values: Mapping[str, Any]) -> bool | None:
    """Whether a program acts as a user: by being API-only, by type, by licence or by profile.

    None where none of what is known says so, and not all of it is known.
    """
    names = [values.get("license"), values.get("profile")]
    signs = [
        values.get("is_api_only"),
        None if values.get("user_type") is None else values["user_type"] in PROGRAM_USER_TYPES,
        *(None if name is None else bool(_PROGRAM_WORDS.search(str(name))) for name in names),
    ]
    if any(signs):
        return True
    return None if None in signs else False
