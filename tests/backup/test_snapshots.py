"""The daemon's snapshots of its state: good ones, often enough, and no more than are wanted."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.app.snapshot_symptoms import find_snapshot_symptoms
from collector.backup import state_copies
from collector.backup.manifest import Manifest, StateCounts
from collector.backup.snapshots import SnapshotKeeper, SnapshotPlan, choose_outdated
from collector.backup.state_copies import StateCopy
from collector.errors import BackupError, DamagedStateError, DiskFullError, StoppedError
from collector.health.symptoms import SymptomState
from collector.model import Cursor
from collector.store import alerts, ledger
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, STREAM, build_alert

HOUR = timedelta(hours=1)
PLAN = SnapshotPlan(every=HOUR, keep=3, days=7)


@pytest.fixture
def database(tmp_path):
    opened = open_sqlite_state(tmp_path)
    with opened.begin() as connection:
        alerts.save_alerts(connection, [build_alert()], {})
    yield opened
    opened.close()


@pytest.fixture
def moment():
    """The time, which a test moves on."""
    return [NOON]


@pytest.fixture
def keeper(tmp_path, database, moment):
    return SnapshotKeeper(
        state_dir=tmp_path,
        folder=tmp_path / "snapshots",
        plan=PLAN,
        disk_reserve_bytes=1,
        stop_event=threading.Event(),
        read_clock=lambda: moment[0],
    )


def change(database, text="later"):
    with database.begin() as connection:
        ledger.save_cursor(connection, STREAM, Cursor(time=NOON, tiebreaker=text))


def test_one_is_taken_each_hour_in_which_something_changed(keeper, database, moment):
    snapshot = keeper.keep_snapshots()
    snapshot.check_content()
    assert (1, "2026-03-01T120000Z") == (snapshot.manifest.counts.alerts, snapshot.name)

    moment[0] += HOUR / 2
    change(database)
    assert keeper.keep_snapshots() is None, "not due"
    moment[0] += HOUR / 2
    assert keeper.keep_snapshots() is not None
    moment[0] += 2 * HOUR
    assert keeper.keep_snapshots() is None, "nothing changed"
    change(database, "last")
    assert keeper.keep_snapshots() is not None


def test_a_damaged_state_makes_no_snapshot_and_costs_none(keeper, database, moment, tmp_path):
    good = keeper.keep_snapshots()
    database.close()
    content = bytearray((tmp_path / "state.db").read_bytes())
    content[8192:12288] = b"\xa5" * 4096
    (tmp_path / "state.db").write_bytes(content)

    moment[0] += HOUR
    with pytest.raises(DamagedStateError):
        keeper.keep_snapshots()

    assert [SymptomState.DAMAGED] == [one.state for one in find_snapshot_symptoms(keeper)]
    assert [good] == state_copies.list_copies(keeper.folder)
    assert [good.name] == [path.name for path in keeper.folder.iterdir()], "nothing is left over"


def test_it_never_takes_what_the_disk_keeps_in_reserve(keeper):
    keeper.disk_reserve_bytes = 10**18

    with pytest.raises(DiskFullError, match="no snapshot of the state is taken"):
        keeper.keep_snapshots()


def test_it_ends_when_it_is_asked_to(keeper):
    keeper.stop_event.set()

    with pytest.raises(StoppedError):
        keeper.keep_snapshots()
    assert [] == list(keeper.folder.iterdir())


def test_a_changed_snapshot_is_not_good(keeper):
    snapshot = keeper.keep_snapshots()
    content = bytearray(snapshot.database.read_bytes())
    content[-1] ^= 1
    snapshot.database.write_bytes(content)

    with pytest.raises(BackupError, match="its hash is another one"):
        snapshot.check_content()


def test_the_newest_stay_and_the_last_of_each_day(tmp_path):
    manifest = Manifest(
        collector="", taken=NOON, bytes=0, sha256="", schema="", ledger="", counts=StateCounts()
    )
    copies = [
        StateCopy(folder=tmp_path / f"{taken:%dT%H}", manifest=replace(manifest, taken=taken))
        for taken in (datetime(2026, 3, 10, 23, tzinfo=NOON.tzinfo) - n * HOUR for n in range(72))
    ]

    plan = replace(PLAN, days=2)
    kept = [copy.name for copy in copies if copy not in choose_outdated(copies, plan)]

    assert ["10T23", "10T22", "10T21", "09T23"] == kept
