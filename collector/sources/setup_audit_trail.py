"""SetupAuditTrail: who changed what in Setup. Needs no add-on, and is kept for 180 days."""

from __future__ import annotations

from collector.settings import SetupAuditTrailSource
from collector.sources.single_object import SingleObject
from collector.sources.windows import Windowed

KIND = "setup_audit_trail"


def build(settings: SetupAuditTrailSource) -> SingleObject:
    """The audit trail by CreatedDate, with the name of whoever made the change."""
    return SingleObject(
        KIND,
        Windowed(
            name="SetupAuditTrail",
            time_field="CreatedDate",
            order="ASC",
            relations=("CreatedBy.Username", "CreatedBy.Name"),
        ),
        permission="'View Setup and Configuration'",
        every=settings.every,
        overlap=settings.overlap,
        lookback=settings.lookback,
    )
