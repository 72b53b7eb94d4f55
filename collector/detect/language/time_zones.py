"""The zone in which a rule reads hours and days from times, by its name in the tz database."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator

from collector.detect.language.yaml_document import YamlDocument
from collector.detect.predicates.field_columns import UTC_ZONE
from collector.yaml_source.suggestions import suggest_name


@cache
def _list_zones() -> frozenset[str]:
    return frozenset(available_timezones()) | {UTC_ZONE}


def _require_zone(name: str) -> str:
    zones = _list_zones()
    # Where the machine has no tz database, the engine says what its own does not have.
    if len(zones) > 1 and name not in zones:
        message = f"must be a zone such as Europe/Berlin, not {name!r}{suggest_name(name, zones)}"
        raise ValueError(message)
    return name


TimeZoneName = Annotated[str, AfterValidator(_require_zone)]


def read_time_zone(document: YamlDocument) -> str:
    """The zone of a valid rule."""
    block = document.data.get("collector") or {}
    return str(block.get("time_zone", UTC_ZONE))
