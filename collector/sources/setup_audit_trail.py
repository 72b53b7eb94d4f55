"""SetupAuditTrail: who changed what in Setup. Needs no add-on, and is kept for 180 days."""

from __future__ import annotations

from collector.settings import SetupAuditTrailSettings
from collector.sources.query_windows import WindowQuery
from collector.sources.single_object import SingleObjectSource

KIND = "setup_audit_trail"


def build_setup_audit_trail(settings: SetupAuditTrailSettings) -> SingleObjectSource:
    """The audit trail by CreatedDate, with the name of whoever made the change."""
    return SingleObjectSource(
        KIND,
        WindowQuery(
            name="SetupAuditTrail",
            time_field="CreatedDate",
            order="ASC",
            related_fields=("CreatedBy.Username", "CreatedBy.Name"),
        ),
        permission="'View Setup and Configuration'",
        poll_interval=settings.every,
        overlap=settings.overlap,
        lookback=settings.lookback,
    )
