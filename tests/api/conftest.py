"""A state directory that a real pass over an embedded org has made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector import clock
from collector.app.configuration import read_configuration
from collector.demo import EmbeddedOrg, OrgStore
from collector.settings import Settings
from fakes.collector_setup import (
    DAY,
    HOUR,
    build_log_file,
    build_login_rows,
    open_test_collector,
    poll_sources,
    write_config,
)

AGENT = "Salesforce-CLI/1.0"
"""The user agent of logins that a shipped rule tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedOrg:
    """An org that is still there, and the settings whose state has what came of it."""

    org: EmbeddedOrg
    settings: Settings


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectedOrg]:
    """Logins of two hours of yesterday, two of which alert, sign-ins, and an empty audit trail."""
    folder = tmp_path_factory.mktemp("api")
    with EmbeddedOrg(_build_store()) as org:
        config = write_config(
            folder,
            org,
            channels={"here": {"type": "terminal"}},
            event_log_file={"settle": "0s", "lookback": "2d"},
            login_history={"lookback": "2d"},
            setup_audit_trail={"lookback": "2d"},
        )
        with open_test_collector(config) as collector:
            poll_sources(collector)
            collector.deliverer.drain_channel("here")
        yield CollectedOrg(org=org, settings=read_configuration(config, {}).settings)


@pytest.fixture
def uncollected(collected: CollectedOrg, tmp_path: Path) -> Settings:
    """The same configuration before its first pass."""
    return collected.settings.model_copy(update={"state_dir": tmp_path / "none"})


def _build_store() -> OrgStore:
    now = clock.now().replace(microsecond=0)
    hour = now.replace(hour=0, minute=0, second=0) - DAY
    store = OrgStore()
    store.add_files(
        [
            build_log_file(1, hour, rows=2, agent=AGENT, created=now - 2 * HOUR),
            build_log_file(2, hour + HOUR, rows=3, created=now - HOUR),
        ]
    )
    store.add_rows("LoginHistory", *build_login_rows(now - DAY, 4, HOUR))
    return store
