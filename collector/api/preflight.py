"""The preflight: what every org of a configuration lets us read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from collector.api.call_forecast import check_calls
from collector.api.json_values import JsonObject
from collector.api.org_connection import open_source_context
from collector.preflight.checks import PreflightFinding, examine_org
from collector.salesforce.token_store import (
    TOKENS_FOLDER,
    DiskTokenStore,
    MemoryTokenStore,
    TokenStore,
)
from collector.settings import OrgSettings, RefreshTokenAuth, Settings
from collector.sources import build_sources


def check_orgs(settings: Settings) -> Iterator[PreflightFinding]:
    """The findings about each org: its login, each of its sources, and what its API calls allow."""
    for org in settings.orgs:
        store = _choose_token_store(org, settings.state_dir)
        with open_source_context(org, token_store=store) as context:
            sources = build_sources(org.sources)
            yield from examine_org(context, sources)
            # Without a single answer there is nothing to compute with.
            if context.client.api_usage is not None:
                yield from check_calls(context, sources, percent=org.api_budget_percent)


def to_json(finding: PreflightFinding) -> JsonObject:
    """A finding as scripts read it."""
    return {"level": finding.level, "subject": finding.subject, "message": finding.message}


def _choose_token_store(org: OrgSettings, state_dir: Path) -> TokenStore:
    """The token store of the daemon, if this process may write there.

    A refresh token that the org replaces has to be stored there in any case.
    """
    if os.access(state_dir, os.W_OK) or isinstance(org.auth, RefreshTokenAuth):
        return DiskTokenStore(state_dir / TOKENS_FOLDER)
    return MemoryTokenStore()
