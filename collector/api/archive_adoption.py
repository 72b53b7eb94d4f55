"""What came of adopting an archive whose state was lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from collector.api.json_values import JsonObject, to_json_object
from collector.ingest.adoption import AdoptedFiles
from collector.ingest.found_alerts import FoundAlerts


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionReport:
    """What came of it. `failed_rules` could not be matched with the archive."""

    files: AdoptedFiles
    alerts: FoundAlerts
    failed_rules: tuple[str, ...]


def to_json(report: AdoptionReport) -> JsonObject:
    """The report as one object."""
    return to_json_object(asdict(report))
