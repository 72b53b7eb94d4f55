"""LoginHistory: logins within seconds, without an add-on; kept for 6 months."""

from __future__ import annotations

from collector.settings import LoginHistorySettings
from collector.sources.query_windows import WindowQuery
from collector.sources.single_object import SingleObjectSource

KIND = "login_history"


def build_login_history(settings: LoginHistorySettings) -> SingleObjectSource:
    """The login history by LoginTime; without the permission a user sees their own logins only."""
    return SingleObjectSource(
        KIND,
        WindowQuery(name="LoginHistory", time_field="LoginTime", order="ASC"),
        permission="'Monitor Login History' or 'Manage Users'",
        poll_interval=settings.every,
        overlap=settings.overlap,
        lookback=settings.lookback,
    )
