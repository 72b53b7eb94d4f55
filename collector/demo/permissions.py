"""The permissions of the collector's user in the embedded org: it may only read logs."""

from __future__ import annotations

from collector.demo.oauth import INTEGRATION_USER_ID
from collector.demo.salesforce_ids import IdGenerator
from collector.demo.soql_conditions import SObjectRow

PERMISSIONS = (
    "ApiEnabled",
    "MonitorLoginHistory",
    "ViewAllUsers",
    "ViewAnomalyEvents",
    "ViewDataLeakageEvents",
    "ViewEventLogFiles",
    "ViewRoles",
    "ViewSetup",
)


def build_permission_rows(ids: IdGenerator, profile_id: str) -> dict[str, list[SObjectRow]]:
    """The user's two permission sets, of which one is its profile's, and their assignments."""
    profile: SObjectRow = {
        "Id": ids.make_record_id("0PS"),
        "Label": "00e_profile",
        "IsOwnedByProfile": True,
        "ProfileId": profile_id,
        "PermissionsApiEnabled": True,
        "PermissionsApiUserOnly": True,
    }
    collector: SObjectRow = {
        "Id": ids.make_record_id("0PS"),
        "Name": "Collector",
        "Label": "Collector",
        "IsOwnedByProfile": False,
        **{f"Permissions{name}": True for name in PERMISSIONS},
    }
    return {
        "PermissionSet": [profile, collector],
        "PermissionSetAssignment": [
            {
                "Id": ids.make_record_id("0Pa"),
                "AssigneeId": INTEGRATION_USER_ID,
                "PermissionSetId": permission_set["Id"],
                "IsActive": True,
            }
            for permission_set in (profile, collector)
        ],
    }
