"""All committed files are looked at in one go, and judged as each would be alone."""

from __future__ import annotations

import os

from collector.archive.local_archive import LocalArchive
from collector.model import ArchiveFile
from fakes.model_samples import NOON


def build_file(path):
    return ArchiveFile(
        path=path,
        org="acme",
        event_type="Login",
        date="2026-11-10",
        rows=1,
        bytes=4,
        first_time=NOON,
        last_time=NOON,
    )


def test_the_same_files_are_absent_as_one_by_one(tmp_path):
    archive = LocalArchive(root=tmp_path)
    files = {name: build_file(name) for name in ("here", "short", "gone", "folder", "pipe")}
    (tmp_path / "here").write_bytes(b"PAR1")
    (tmp_path / "short").write_bytes(b"PAR")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    absent = archive.find_absent_paths((file.path, file.bytes) for file in files.values())
    assert ["short", "gone", "folder", "pipe"] == absent
    assert absent == [name for name, file in files.items() if archive.describe_absence(file)]
