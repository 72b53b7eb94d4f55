"""What is damaged does not go into a backup, and does not come out of one."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from collector.archive.archive_copy import ArchiveCopy, CopiedFile
from collector.backup import file_lists, restoration
from collector.backup.manifest import Manifest, StateCounts
from collector.backup.restoration import RestoreSource
from collector.backup.state_copies import StateCopy
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from fakes.model_samples import NOON

NAME = "org=acme/event_type=Login/date=2026-03-01/1.parquet"
CONTENT = b"events"
FLIPPED = b"event3"
DAMAGED = "its copy is damaged: it has another hash than when it was made"

UNKNOWN = "nobody knows its hash: the backup's list of files is damaged"

FILE = ArchiveFile(
    path=NAME,
    org="acme",
    event_type="Login",
    date="2026-03-01",
    rows=1,
    bytes=len(CONTENT),
    first_time=NOON,
    last_time=NOON,
    sha256=sha256(CONTENT).hexdigest(),
)


@pytest.fixture
def paths(tmp_path):
    paths = StatePaths(state_dir=tmp_path / "state")
    paths.create_folders()
    write(tmp_path / "state" / "archive", CONTENT)
    return paths


@pytest.fixture
def copy(tmp_path):
    return ArchiveCopy(root=tmp_path / "backup" / "archive")


def write(root, content):
    target = root / NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.write_bytes(content)


def write_state(tmp_path, files):
    folder = tmp_path / "backup" / "states" / "one"
    folder.mkdir(parents=True)
    file_lists.write_file_list(folder, files)
    manifest = Manifest(
        collector="1", taken=NOON, bytes=1, sha256="", schema="", ledger="", counts=StateCounts()
    )
    return StateCopy(folder=folder, manifest=manifest)


def add(copy, archive, known=()):
    return copy.add_files(
        archive, [FILE], known_files={each.path: each for each in known}, report_file=lambda: None
    )


def test_a_damaged_file_is_no_part_of_the_backup(paths, copy, tmp_path):
    write(tmp_path / "state" / "archive", FLIPPED)

    copied = add(copy, paths.archive)

    assert ((FILE,), (), 0) == (copied.missing, copied.files, copied.new_count)
    assert not copy.holds_file(FILE)


@pytest.mark.parametrize("now", [FLIPPED, None], ids=["damaged", "gone"])
def test_a_good_copy_outlives_what_its_file_has_become(paths, copy, tmp_path, now):
    first = add(copy, paths.archive)
    write(tmp_path / "backup" / "archive", CONTENT)  # as on another disk: no link
    if now is None:
        (tmp_path / "state" / "archive" / NAME).unlink()
    else:
        write(tmp_path / "state" / "archive", now)

    again = add(copy, paths.archive, first.files)

    assert (first.files, 0, ()) == (again.files, again.new_count, again.missing)
    assert copy.describe_difference(FILE, sha256=FILE.sha256) is None


@pytest.mark.parametrize("listed", ["", sha256(FLIPPED).hexdigest()], ids=["unlisted", "too late"])
def test_the_ledgers_hash_says_what_comes_out(paths, copy, tmp_path, listed):
    write(tmp_path / "backup" / "archive", FLIPPED)
    (tmp_path / "state" / "archive" / NAME).unlink()
    files = [CopiedFile(path=NAME, bytes=FILE.bytes, sha256=listed)] if listed else []
    state = write_state(tmp_path, files)
    source = RestoreSource.find(tmp_path / "backup")
    plan = restoration.plan_archive(paths, source, [FILE])

    planned = restoration.check_archive_copies(source, state, plan, lambda: None)
    done = restoration.put_archive_back(paths, source, state, plan, lambda: None)

    assert {NAME: DAMAGED} == planned == done
    assert paths.archive.measure_file(FILE) is None


@pytest.mark.parametrize(
    ("digest", "refusals"), [(FILE.sha256, {}), ("", {NAME: UNKNOWN})], ids=["hashed", "old"]
)
def test_a_damaged_list_costs_what_it_alone_knew(paths, copy, tmp_path, digest, refusals):
    file = replace(FILE, sha256=digest)
    write(tmp_path / "backup" / "archive", CONTENT)
    (tmp_path / "state" / "archive" / NAME).unlink()
    state = write_state(tmp_path, [])
    (state.folder / file_lists.FILE_LIST_NAME).write_text("{broken")
    source = RestoreSource.find(tmp_path / "backup")
    plan = restoration.plan_archive(paths, source, [file])

    planned = restoration.check_archive_copies(source, state, plan, lambda: None)
    done = restoration.put_archive_back(paths, source, state, plan, lambda: None)

    assert refusals == planned == done
