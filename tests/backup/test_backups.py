"""A backup beside somebody who changes what it is copying."""

from __future__ import annotations

import sqlite3

import pytest

from collector.archive.local_archive import LocalArchive
from collector.backup.backups import ArchiveMode, BackupFolder, BackupRun
from collector.backup.manifest import hash_file
from collector.errors import BackupError, DiskFullError
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.store import ledger
from collector.store.state_lock import hold_state_lock
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, build_batch

NAMES = [f"org=acme/event_type=Login/date=2026-03-01/{n}.parquet" for n in range(4)]


def build_file(path, content):
    return ArchiveFile(
        path=path,
        org="acme",
        event_type="Login",
        date="2026-03-01",
        rows=1,
        bytes=len(content),
        first_time=NOON,
        last_time=NOON,
    )


@pytest.fixture
def paths(tmp_path):
    """A state of four files, which hold their own names."""
    paths = StatePaths(state_dir=tmp_path / "state")
    paths.create_folders()
    database = open_sqlite_state(paths.state_dir)
    for name in NAMES:
        target = paths.state_dir / "archive" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(name)
    with database.begin() as connection:
        entry = ledger.LedgerEntry(state="stored", rows=4)
        files = [build_file(name, name) for name in NAMES]
        ledger.record_batch(connection, build_batch(), entry, files)
    database.close()
    return paths


def make_backup(paths, folder, disturb, *, reserve=0, keep=None):
    """A backup; `disturb` is called after each file."""
    return BackupRun(
        paths=paths,
        folder=BackupFolder(root=folder),
        mode=ArchiveMode.COPY,
        keep=keep,
        disk_reserve_bytes=reserve,
        report_progress=lambda _: disturb(),
    ).make_backup()


def test_what_is_replaced_meanwhile_is_copied_as_it_is_then(paths, tmp_path):
    """As compaction does it: one file for two, in one transaction, and then these are deleted."""
    archive = paths.state_dir / "archive"
    larger = NAMES[0].replace("0.parquet", "larger.parquet")

    def replace_files():
        if (archive / larger).exists():
            return
        (archive / larger).write_text("both")
        with sqlite3.connect(paths.state_dir / "state.db") as database:
            database.execute("DELETE FROM files WHERE path = ?", (NAMES[3],))
            database.execute(
                "UPDATE files SET path = ?, bytes = 4 WHERE path = ?", (larger, NAMES[2])
            )
        database.close()
        for name in NAMES[2:]:
            (archive / name).unlink()

    report = make_backup(paths, tmp_path / "backup", replace_files)

    assert report.state.manifest.is_complete
    assert 3 == report.state.manifest.archive.files == report.new_files
    assert "both" == (tmp_path / "backup" / "archive" / larger).read_text()
    report.state.check_content()


def test_what_is_only_gone_is_missing(paths, tmp_path):
    archive = paths.state_dir / "archive"
    (archive / NAMES[1]).unlink()
    (archive / NAMES[2]).write_text("cut")

    report = make_backup(paths, tmp_path / "backup", lambda: None)

    assert tuple(NAMES[1:3]) == report.state.manifest.archive.missing


def test_it_leaves_the_reserve_of_the_disk_alone(paths, tmp_path):
    with pytest.raises(DiskFullError, match="no backup is written"):
        make_backup(paths, tmp_path / "backup", lambda: None, reserve=10**18)
    assert not (tmp_path / "backup").exists()


def test_two_at_once_do_not_get_into_each_others_way(paths, tmp_path):
    (tmp_path / "backup").mkdir()

    with (
        hold_state_lock(tmp_path / "backup"),
        pytest.raises(BackupError, match="another backup is being written"),
    ):
        make_backup(paths, tmp_path / "backup", lambda: None)


def test_a_copy_on_another_disk_is_the_same_and_is_not_made_twice(paths, tmp_path, monkeypatch):
    """Where links cannot be made: the copy has the file's time, by which it is known again."""

    def refuse_link(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse_link)
    archive = LocalArchive(root=paths.state_dir / "archive")
    file = build_file(NAMES[0], NAMES[0])

    assert archive.copy_file_out(file, target_root=tmp_path / "copy")
    assert not archive.copy_file_out(file, target_root=tmp_path / "copy")
    source, target = paths.state_dir / "archive" / NAMES[0], tmp_path / "copy" / NAMES[0]
    assert hash_file(source) == hash_file(target)
    assert source.stat().st_ino != target.stat().st_ino

    source.write_text(NAMES[0].upper())
    assert archive.copy_file_out(file, target_root=tmp_path / "copy"), "written anew meanwhile"


def test_damaged_lists_of_files_stop_no_further_backup_and_cost_no_file(paths, tmp_path):
    states = []
    for keep in (None, None, 2):
        report = make_backup(paths, tmp_path / "backup", lambda: None, keep=keep)
        assert 4 == report.state.manifest.archive.files
        (report.state.folder / "archive.jsonl").write_text("{broken")
        states.append(report.state.name)

    assert (states[0],) == report.removed_states
    assert 4 == len(list((tmp_path / "backup" / "archive").rglob("*.parquet")))
