"""The permissions of the collector's user in the embedded org: it may only read logs."""

from __future__ import annotations

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
