"""SetupAuditTrail: who changed what in Setup. Needs no add-on, and is kept for 180 days."""

from __future__ import annotations

from datetime import timedelta

from collector.settings.values import Period
from collector.sources.availability import probe_object
from collector.sources.query_window import WindowQuery
from collector.sources.query_windows import WindowSettings
from collector.sources.single_object import SingleObjectReader
from collector.sources.spec import Lane, SourceSpec, SuppliedTypes

KIND = "setup_audit_trail"
PERMISSION = "View Setup and Configuration"


class SetupAuditTrailSettings(WindowSettings):
    """SetupAuditTrail."""

    every: Period = timedelta(minutes=1)


def _build_reader(settings: SetupAuditTrailSettings) -> SingleObjectReader:
    """The audit trail by CreatedDate, with the name of whoever made the change."""
    return SingleObjectReader(
        KIND,
        WindowQuery(
            name="SetupAuditTrail",
            time_field="CreatedDate",
            order="ASC",
            related_fields=("CreatedBy.Username", "CreatedBy.Name"),
        ),
        settings,
        needs=f"the permission '{PERMISSION}'",
    )


SPEC = SourceSpec(
    kind=KIND,
    settings=SetupAuditTrailSettings,
    build=_build_reader,
    event_types=SuppliedTypes(names=frozenset({"SetupAuditTrail"})),
    windowed=True,
    backfillable=True,
    value_rank=5,
    lane=Lane.URGENT,
    probe=probe_object,
    permissions=(PERMISSION,),
)
