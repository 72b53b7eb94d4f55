"""What a copy of the state says of itself, in JSON beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from collector.errors import BackupError

MANIFEST_NAME = "manifest.json"
FORMAT = 1
"""Of the manifest and of the folder: a reader refuses a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCounts:
    """What is in a state."""

    alerts: int = 0
    deliveries: int = 0
    batches: int = 0
    files: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRecord:
    """What a backup has of the archive: nothing but where it is (`none`), or its files (`copy`).

    `missing` are the files that the state names and that were not there to be copied.
    """

    mode: str = "none"
    place: str = ""
    files: int = 0
    bytes: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One copy of a state.

    Attributes:
        collector: the version that made it.
        taken: the moment that the state is of.
        bytes: the size of the state database; `sha256` is its hash in hex digits.
        schema: of the state database.
        ledger: the id by which the archive knows its state; empty for one that has none yet.
        left_out: what is not in it, in words.
    """

    collector: str
    taken: datetime
    bytes: int
    sha256: str
    schema: str
    ledger: str
    counts: StateCounts
    archive: ArchiveRecord = field(default_factory=ArchiveRecord)
    left_out: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing of what it was to hold."""
        return not self.archive.missing


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder."""
    document = {"format": FORMAT, **asdict(manifest), "taken": manifest.taken.isoformat()}
    path = folder / MANIFEST_NAME
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder.

    Raises:
        BackupError: it has none, or one that cannot be read.
    """
    path = folder / MANIFEST_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _parse_document(path, document)
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackupError(f"{path} is damaged: {error!r:.100}") from None


def _parse_document(path: Path, document: dict[str, Any]) -> Manifest:
    if document.pop("format") != FORMAT:
        raise BackupError(f"{path} was made by another version of the collector, {document}")
    archive = document.pop("archive")
    return Manifest(
        **{
            **document,
            "taken": datetime.fromisoformat(document["taken"]),
            "counts": StateCounts(**document["counts"]),
            "archive": ArchiveRecord(**{**archive, "missing": tuple(archive["missing"])}),
            "left_out": tuple(document["left_out"]),
        }
    )


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hex digits. Raises OSError."""
    with path.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()
