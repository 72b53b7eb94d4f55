"""LoginHistory: logins within seconds, without an add-on; kept for 6 months."""

from __future__ import annotations

from datetime import timedelta

from collector.settings.values import Period
from collector.sources.availability import probe_object
from collector.sources.query_window import WindowQuery
from collector.sources.query_windows import WindowSettings
from collector.sources.single_object import SingleObjectReader
from collector.sources.spec import Lane, SourceSpec, SuppliedTypes

KIND = "login_history"
PERMISSION = "Monitor Login History"


class LoginHistorySettings(WindowSettings):
    """LoginHistory."""

    every: Period = timedelta(minutes=5)


def _build_reader(settings: LoginHistorySettings) -> SingleObjectReader:
    """The login history by LoginTime; without the permission a user sees their own logins only."""
    return SingleObjectReader(
        KIND,
        WindowQuery(name="LoginHistory", time_field="LoginTime", order="ASC"),
        settings,
        needs=f"the permission '{PERMISSION}' or 'Manage Users'",
    )


SPEC = SourceSpec(
    kind=KIND,
    settings=LoginHistorySettings,
    build=_build_reader,
    event_types=SuppliedTypes(names=frozenset({"LoginHistory"})),
    windowed=True,
    backfillable=True,
    value_rank=10,
    max_stretch=6.0,
    lane=Lane.URGENT,
    probe=probe_object,
    permissions=(PERMISSION,),
)
