"""LoginHistory: logins within seconds, without an add-on; kept for 6 months."""

from __future__ import annotations

from collector.settings import LoginHistorySource
from collector.sources.single_object import SingleObject
from collector.sources.windows import Windowed

KIND = "login_history"


def build(settings: LoginHistorySource) -> SingleObject:
    """The login history by LoginTime; without the permission a user sees their own logins only."""
    return SingleObject(
        KIND,
        Windowed(name="LoginHistory", time_field="LoginTime", order="ASC"),
        permission="'Monitor Login History' or 'Manage Users'",
        every=settings.every,
        overlap=settings.overlap,
        lookback=settings.lookback,
    )
