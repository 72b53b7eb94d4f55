"""The state as a file: who reads needs no permission to write, and what is deleted is missed."""

import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from collector.errors import CollectorError, StateDatabaseError
from collector.model import Cursor
from collector.store import ledger, schema_version, sqlite_engine
from collector.store.database import open_database, open_database_for_reading
from fakes.databases import write_earlier_state
from fakes.model_samples import NOON, STREAM
from fakes.public_folders import open_public_folder


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def public_folder():
    with open_public_folder() as folder:
        yield folder


def save_cursor(database):
    with database.begin() as connection:
        ledger.save_cursor(connection, STREAM, Cursor(time=NOON))


def read_cursor(database):
    with database.read() as connection:
        return ledger.read_cursor(connection, STREAM)


def test_reading_does_not_wait_for_whoever_writes(database, tmp_path):
    save_cursor(database)
    with database.begin() as connection:
        ledger.save_cursor(connection, STREAM, Cursor(time=NOON, tiebreaker="later"))
        reader = open_database_for_reading(tmp_path)

        assert Cursor(time=NOON) == read_cursor(reader)
        reader.close()


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def lock_database(path):
    """Another process has begun to write and does not end; its process id."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process.pid
        process.communicate()


def test_who_holds_the_lock_is_named_and_nothing_is_changed(database, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_engine, "_BUSY_SECONDS", 0.1)
    with contextlib.closing(open_database(tmp_path)) as impatient:
        save_cursor(impatient)
        with lock_database(tmp_path / "state.db") as holder:
            with pytest.raises(StateDatabaseError) as refused, impatient.begin() as connection:
                ledger.save_cursor(connection, STREAM, Cursor(time=NOON, tiebreaker="later"))
            assert Cursor(time=NOON) == read_cursor(impatient), "readers do not wait"
        save_cursor(impatient)

    said = str(refused.value)
    assert f"state.db is locked by process {holder} (" in said
    assert "Nothing was changed; try again in a moment" in said


def test_a_database_that_is_locked_as_a_whole_is_said_to_be_when_it_is_opened(
    tmp_path, monkeypatch
):
    """As a program does that copies it, or one of before that has to migrate it."""
    write_earlier_state(tmp_path, "0008").dispose()
    monkeypatch.setattr(sqlite_engine, "_BUSY_SECONDS", 0.1)
    with (
        lock_database(tmp_path / "state.db"),
        pytest.raises(StateDatabaseError, match=r"state\.db is locked by process \d+ "),
    ):
        open_database(tmp_path)


READ = """
import os, sys
from pathlib import Path
from collector.store import ledger
from collector.store.database import open_database_for_reading
from fakes.model_samples import STREAM
open_database_for_reading(Path(sys.argv[1])).close()  # all that is imported late is here now
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
database = open_database_for_reading(Path(sys.argv[2]))
with database.read() as connection:
    print(ledger.read_cursor(connection, STREAM).time.isoformat())
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_running", [False, True], ids=["at rest", "at work"])
def test_reading_needs_no_permission_to_write(public_folder, is_running):
    """As on a file system that is mounted read-only, or in the state of another user."""
    state, warm = public_folder / "state", public_folder / "warm"
    state.mkdir()
    warm.mkdir()
    open_database(warm).close()
    database = open_database(state)
    save_cursor(database)
    if not is_running:
        database.close()
    for path in (*state.iterdir(), state):
        path.chmod(0o555 if path.is_dir() else 0o444)

    process = subprocess.run(
        [sys.executable, "-c", READ, str(warm), str(state)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    state.chmod(0o755)
    database.close()

    assert f"{NOON.isoformat()}\n" == process.stdout, process.stderr


def test_a_schema_that_is_newer_is_said_to_be_newer(database, tmp_path):
    database.close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    for opening in (open_database, open_database_for_reading):
        with pytest.raises(CollectorError, match="made by a newer collector"):
            opening(tmp_path)


def test_a_folder_in_the_place_of_the_state_is_said_to_be_one(tmp_path):
    (tmp_path / "state.db").mkdir()

    for opening in (open_database, open_database_for_reading):
        with pytest.raises(CollectorError, match=r"state\.db is a folder"):
            opening(tmp_path)


def test_a_state_that_is_deleted_meanwhile_is_missed_and_written_back(database, tmp_path):
    save_cursor(database)
    losses = []
    database.call_on_loss(lambda: losses.append(True))
    for path in tmp_path.glob("state.db*"):
        path.unlink()

    for _ in range(2):
        with pytest.raises(StateDatabaseError, match="what it held was written back"):
            save_cursor(database)

    database.close()
    assert losses
    reopened = open_database(tmp_path)
    assert Cursor(time=NOON) == read_cursor(reopened)
    reopened.close()


def test_a_state_that_is_replaced_meanwhile_is_left_alone(database, tmp_path):
    save_cursor(database)
    (tmp_path / "state.db").rename(tmp_path / "old.db")
    (tmp_path / "state.db").write_bytes(b"another one")

    with pytest.raises(StateDatabaseError, match="put the right one back"):
        save_cursor(database)
    assert b"another one" == (tmp_path / "state.db").read_bytes()


def test_a_state_that_cannot_be_written_is_a_sentence(database, tmp_path):
    with database.begin() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    def fill():
        with database.begin() as connection:
            for number in range(1000):
                text = str(number) * 1000
                ledger.save_cursor(connection, STREAM, Cursor(time=NOON, tiebreaker=text))
                connection.exec_driver_sql(f"CREATE TABLE t{number} (x)")

    with pytest.raises(StateDatabaseError, match=r"state\.db failed: database or disk is full"):
        fill()


def test_the_files_of_migrations_are_called_by_their_revisions():
    """Which schema is the newest is read from the names, without Alembic."""
    config = Config()
    config.set_main_option("script_location", str(schema_version.MIGRATIONS_DIR))
    script = ScriptDirectory.from_config(config)

    newest_first = [each.revision for each in script.walk_revisions()]
    assert tuple(reversed(newest_first)) == schema_version.list_revisions()
