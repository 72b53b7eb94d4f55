"""What became of a state that was put back, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.api.json_values import JsonObject, to_json_object
from collector.backup.restoration import ArchivePlan, ChosenCopy
from collector.ingest.adoption import AdoptedFiles
from collector.ingest.repeated_alerts import SettledMessages


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What a restoration has done, or would do.

    Attributes:
        refused_files: by their paths, why copies of files of the archive were not put back.
        adopted: what the archive has that the copy did not know.
        found_alerts: how many alerts the rules have found in that.
        evidence: where the state that was replaced is now; None where there was none.
    """

    chosen: ChosenCopy
    archive: ArchivePlan
    refused_files: Mapping[str, str]
    adopted: AdoptedFiles = field(default_factory=AdoptedFiles)
    found_alerts: int = 0
    messages: SettledMessages = field(default_factory=SettledMessages)
    evidence: Path | None = None

    @property
    def restored_files(self) -> int:
        """How many files of the archive are put back."""
        return len(self.archive.wanted) - len(self.refused_files)

    @property
    def is_complete(self) -> bool:
        """Whether each file that the state names is in the archive again."""
        return not (self.refused_files or self.archive.lost)


def to_json(report: RestoreReport, *, is_done: bool) -> JsonObject:
    """The report as one object; `done` tells whether anything was changed."""
    copy, archive = report.chosen.copy, report.archive
    return to_json_object(
        {
            "done": is_done,
            "name": copy.name,
            "taken": copy.manifest.taken,
            "alerts": copy.manifest.counts.alerts,
            "passed_over": report.chosen.refusals,
            "complete": report.is_complete,
            "files_in_place": archive.present,
            "files_restored": report.restored_files,
            "files_refused": report.refused_files,
            "files_lost": [file.path for file in archive.lost],
            "files_joined": report.adopted.file_count,
            "events_joined": report.adopted.event_count,
            "alerts_found": report.found_alerts,
            "alerts_told_since": report.messages.told_since,
            "messages_marked": report.messages.marked,
            "replaced_state": report.evidence,
        }
    )
