"""The orgs that a question may be about."""

from __future__ import annotations

import sqlalchemy as sa

from collector.errors import CollectorError
from collector.settings import Settings
from collector.store import ledger


def require_known_org(connection: sa.Connection, settings: Settings, name: str) -> None:
    """Raise CollectorError where neither the configuration nor the archive has an org."""
    known = {*(org.name for org in settings.orgs), *ledger.list_archived_orgs(connection)}
    if name not in known:
        raise CollectorError(f"no org is called {name!r}; known are {', '.join(sorted(known))}")
