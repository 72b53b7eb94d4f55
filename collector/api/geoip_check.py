"""Whether the databases that say where an address is can serve."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from collector import clock, geoip
from collector.errors import GeoIpFileError
from collector.model import FindingLevel
from collector.preflight.checks import PreflightFinding
from collector.settings import Settings

MAX_AGE = timedelta(days=90)
"""Networks change hands; MaxMind and IPinfo publish every day or week."""


def check_databases(settings: Settings) -> Iterator[PreflightFinding]:
    """A finding about each file that the configuration names."""
    for path in settings.geoip.paths:
        yield _check_file(path)


def _check_file(path: Path) -> PreflightFinding:
    try:
        facts = geoip.examine_file(path)
    except GeoIpFileError as error:
        return PreflightFinding(
            level=FindingLevel.FAILED, subject="geoip", message=f"{path} {error}"
        )
    is_old = clock.now() - facts.built > MAX_AGE
    message = f"{path} is {facts.kind} of {facts.built:%Y-%m-%d}"
    return PreflightFinding(
        level=FindingLevel.WARNING if is_old else FindingLevel.OK,
        subject="geoip",
        message=f"{message}, which is old: fetch a new one" if is_old else message,
    )
