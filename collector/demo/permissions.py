"""What the collector's own user may do in the embedded org: read logs, and no more."""

from __future__ import annotations

from collector.demo.evaluate import Row
from collector.demo.ids import Ids
from collector.demo.oauth import INTEGRATION_USER_ID

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


def permissions(ids: Ids, profile_id: str) -> dict[str, list[Row]]:
    """The user's two permission sets, of which one is its profile's, and their assignments."""
    profile: Row = {
        "Id": ids.record("0PS"),
        "Label": "00e_profile",
        "IsOwnedByProfile": True,
        "ProfileId": profile_id,
        "PermissionsApiEnabled": True,
        "PermissionsApiUserOnly": True,
    }
    collector: Row = {
        "Id": ids.record("0PS"),
        "Name": "Collector",
        "Label": "Collector",
        "IsOwnedByProfile": False,
        **{f"Permissions{name}": True for name in PERMISSIONS},
    }
    return {
        "PermissionSet": [profile, collector],
        "PermissionSetAssignment": [
            {
                "Id": ids.record("0Pa"),
                "AssigneeId": INTEGRATION_USER_ID,
                "PermissionSetId": one["Id"],
                "IsActive": True,
            }
            for one in (profile, collector)
        ],
    }
