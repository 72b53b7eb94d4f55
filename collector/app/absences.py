"""Tells what has not come, by what was read of the configured orgs."""

from __future__ import annotations

from collector.app.wiring import Collector

ABSENCE_SECONDS = 5.0
"""Seconds between two looks whether it is known by now that something has not come."""


def settle_absences(collector: Collector) -> None:
    """Judge what has become past in each org, as its settings say what is read of it.

    Raises:
        StoppedError: we were asked to end; what was settled stays so, the rest follows later.
    """
    settings_by_org = {org.name: org.sources for org in collector.settings.orgs}
    collector.pipeline.absences.settle_read_streams(settings_by_org)
