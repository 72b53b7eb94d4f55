"""Where things lie below a state directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.archive.local_archive import LocalArchive
from collector.archive.store import ArchiveStore
from collector.errors import CollectorError
from collector.private_folders import create_private_folder
from collector.salesforce.token_store import TOKENS_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePaths:
    """The folders of a state directory, and the archive in it."""

    state_dir: Path

    @property
    def archive(self) -> ArchiveStore:
        """The committed events, as Parquet."""
        return LocalArchive(root=self._archive_root)

    @property
    def spool(self) -> Path:
        """What is being fetched; empty between two batches."""
        return self.state_dir / "spool"

    @property
    def quarantine(self) -> Path:
        """Segments that could not be read, by batch key."""
        return self.state_dir / "quarantine"

    @property
    def tokens(self) -> Path:
        """What logins store for the next process; secret."""
        return self.state_dir / TOKENS_FOLDER

    @property
    def strays(self) -> Path:
        """Event files that no ledger names, by when they were found; absent as long as none was."""
        return self.state_dir / "strays"

    @property
    def damaged_files(self) -> Path:
        """Committed files that could not be read, at their places; absent as long as none was."""
        return self.state_dir / "damaged"

    @property
    def snapshots(self) -> Path:
        """Copies of the state database, each in a folder of its own, unless others are set."""
        return self.state_dir / "snapshots"

    @property
    def restoring(self) -> Path:
        """A state that is being put back; absent otherwise."""
        return self.state_dir / "restoring"

    @property
    def delivery_journal(self) -> Path:
        """Which alerts were told; absent as long as none was."""
        return self.state_dir / "told.jsonl"

    @property
    def column_sets(self) -> Path:
        """Which files of the archive have the same columns; may be deleted at any time."""
        return self.state_dir / "column_sets.json"

    @property
    def rules_outline(self) -> Path:
        """What the rules look at, for those who do not compile them; may be deleted at any time."""
        return self.state_dir / "rules_outline.json"

    def create_folders(self) -> None:
        """Create what is missing, for the owner alone.

        The archive may be a link to another disk: who can make one here is the owner.

        Raises CollectorError where a folder is not the owner's alone.
        """
        try:
            for path in (
                self.state_dir,
                self._archive_root.resolve(),
                self.spool,
                self.quarantine,
                self.tokens,
            ):
                create_private_folder(path)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise CollectorError(str(error)) from None

    @property
    def _archive_root(self) -> Path:
        return self.state_dir / "archive"
