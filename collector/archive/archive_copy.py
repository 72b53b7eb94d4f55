"""A copy of an archive: its files in the same places below another folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.archive.file_hash import compute_sha256
from collector.archive.local_archive import LocalArchive
from collector.archive.store import ArchiveStore
from collector.durable_files import sync_path
from collector.errors import BackupError
from collector.model import ArchiveFile


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedFile:
    """A file of the archive as it was copied; `sha256` in hex digits."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedArchive:
    """What came of copying: all that is in the copy now, how much is new, and what is `missing`.

    That is what was not in the archive as it was committed.
    """

    files: tuple[CopiedFile, ...] = ()
    new_count: int = 0
    missing: tuple[ArchiveFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveCopy:
    """The copy of one archive below a folder, which may not be there yet."""

    root: Path

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def claim_ledger(self, ledger_id: str) -> None:
        """Make sure that its files are of the archive of that ledger.

        Raises:
            BackupError: they are of another one.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy = LocalArchive(root=self.root)
        owner = copy.read_ledger_id()
        if owner is None and ledger_id:
            copy.write_ledger_id(ledger_id)
        elif owner is not None and owner != ledger_id:
            raise BackupError(
                f"{self.root} holds the backup of another archive: name another folder. Nothing was"
                " changed"
            )

    def add_files(
        self,
        archive: ArchiveStore,
        files: Iterable[ArchiveFile],
        *,
        known_files: Mapping[str, CopiedFile],
        report_file: Callable[[], object],
    ) -> CopiedArchive:
        """Copy committed files, durably; those that are there stay.

        `known_files` were copied before, by their paths: what did not change is not read again.
        `report_file` is called after each.

        Raises:
            OSError: the folder cannot be written.
        """
        copied: list[CopiedFile] = []
        missing: list[ArchiveFile] = []
        new_count = 0
        folders: set[Path] = set()
        for file in files:
            outcome = self._add_file(archive, file, known_files.get(file.path))
            if outcome is None:
                missing.append(file)
            else:
                copied.append(outcome[0])
                if outcome[1]:
                    new_count += 1
                    folders.add((self.root / file.path).parent)
            report_file()
        self._sync_folders(folders)
        return CopiedArchive(files=tuple(copied), new_count=new_count, missing=tuple(missing))

    def holds_file(self, file: ArchiveFile) -> bool:
        """Whether it has a file, whatever is in it."""
        return (self.root / file.path).is_file()

    def describe_difference(self, file: ArchiveFile, *, sha256: str) -> str | None:
        """Why its file is not the one that was committed; None where it is.

        `sha256` is the hash of that, empty where nobody knows it.
        """
        path = self.root / file.path
        try:
            if path.stat().st_size != file.bytes:
                return f"its copy has {path.stat().st_size:,} bytes instead of {file.bytes:,}"
            if sha256 and compute_sha256(path) != sha256:
                return "its copy is damaged: it has another hash than when it was made"
        except OSError as error:
            return f"its copy cannot be read: {error.strerror}"
        return None

    def put_file_back(self, archive: ArchiveStore, file: ArchiveFile, *, sha256: str) -> None:
        """Copy a file to where it belongs in the archive, durably; `sha256` as above.

        Raises:
            ValueError: what is in the copy is not that file.
            OSError: it cannot be copied.
        """
        archive.put_file_back(file, source_root=self.root, sha256=sha256)

    def remove_unlisted(self, listed_paths: Iterable[str]) -> int:
        """Remove all files but those at these places; returns how many."""
        kept = set(listed_paths)
        removed = 0
        for path in self.root.rglob("*.parquet*"):
            if path.is_file() and str(path.relative_to(self.root)) not in kept:
                path.unlink()
                removed += 1
        return removed

    def _add_file(
        self, archive: ArchiveStore, file: ArchiveFile, known: CopiedFile | None
    ) -> tuple[CopiedFile, bool] | None:
        """The file in the copy, and whether it is new there; None where it is gone or damaged.

        A good copy is never replaced by what a file of that hash has become since.
        """
        if known is not None and file.sha256 == known.sha256 and self._has_size(file):
            return known, False
        if archive.measure_file(file) != file.bytes:
            return None
        try:
            is_new = archive.copy_file_out(file, target_root=self.root)
        except FileNotFoundError:
            return None
        if not is_new and known is not None and not file.sha256 and known.bytes == file.bytes:
            return known, is_new
        sha256 = compute_sha256(self.root / file.path)
        if file.sha256 not in ("", sha256):
            (self.root / file.path).unlink()
            return None
        return CopiedFile(path=file.path, bytes=file.bytes, sha256=sha256), is_new

    def _has_size(self, file: ArchiveFile) -> bool:
        try:
            return (self.root / file.path).stat().st_size == file.bytes
        except FileNotFoundError:
            return False

    def _sync_folders(self, folders: Iterable[Path]) -> None:
        """Wait until the names in folders of the copy are on the disk, and their own names."""
        changed = {path for folder in folders for path in (folder, *folder.parents)}
        for path in sorted(changed):
            if path.is_relative_to(self.root):
                sync_path(path)
