"""`collector backup` and `collector restore`: what is in them, and what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli.processes import invoke_command, parse_lines, write_config

from collector.errors import BackupError, DamagedStateError, StateBusyError
from collector.store.state_lock import hold_state_lock


@pytest.fixture
def config(polled, tmp_path):
    """The configuration of a copy of the state that the first pass has left, without snapshots."""
    state = polled.config.parent / "state"
    shutil.copytree(state, tmp_path / "state", ignore=shutil.ignore_patterns("snapshots"))
    channels = {"here": {"type": "terminal"}}
    return write_config(tmp_path, polled.org.base_url, channels=channels)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backup"


def back_up(config, folder, *options, expected=0):
    result = invoke_command("backup", folder, "-c", config, "--json", *options)
    assert expected == result.exit_code, result.exception
    [report] = parse_lines(result)
    return report


def restore(config, *options, expected=0):
    result = invoke_command("restore", *options, "-c", config)
    assert expected == result.exit_code, (result.output, result.exception)
    return result


def refuse(*command):
    error = invoke_command(*command).exception
    assert isinstance(error, BackupError), error
    return str(error)


def list_files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*.parquet")}


def damage_state(config):
    database = config.parent / "state" / "state.db"
    content = bytearray(database.read_bytes())
    content[8192:12288] = b"\xa5" * 4096
    database.write_bytes(content)
    return bytes(content)


def list_alert_ids(config):
    return [
        each["id"] for each in parse_lines(invoke_command("alerts", "list", "--json", "-c", config))
    ]


@pytest.mark.slow
def test_backups_lie_side_by_side_and_share_the_archive(config, folder):
    (config.parent / "state" / "tokens" / "acme.json").write_text("secret")
    files = list_files(config.parent / "state" / "archive")

    first, second = (back_up(config, folder) for _ in range(2))

    assert (len(files), 0) == (first["new_files"], second["new_files"])
    assert files == list_files(folder / "archive") != set()
    assert {first["name"], second["name"]} == {each.name for each in (folder / "states").iterdir()}
    manifest = json.loads((Path(second["folder"]) / "manifest.json").read_text())
    assert (1, len(files)) == (manifest["counts"]["alerts"], manifest["counts"]["files"])
    assert (Path(second["folder"]) / "told.jsonl").exists()
    assert "tokens" in manifest["left_out"][0]
    assert not any(b"secret" == path.read_bytes() for path in folder.rglob("*") if path.is_file())
    modes = {f"{path.stat().st_mode & 0o077:03o}" for path in folder.rglob("*") if path.is_file()}
    assert {"000"} == modes, "for the owner alone"


@pytest.mark.slow
def test_as_many_are_kept_as_are_wanted(config, folder):
    for _ in range(3):
        last = back_up(config, folder, "--keep", "2")

    assert 2 == len(list((folder / "states").iterdir()))
    assert 1 == len(last["removed"])
    assert list_files(config.parent / "state" / "archive") == list_files(folder / "archive")


@pytest.mark.slow
def test_a_file_that_is_not_there_makes_it_incomplete(config, folder):
    gone = next((config.parent / "state" / "archive").rglob("*.parquet"))
    gone.unlink()

    report = back_up(config, folder, expected=1)

    assert not report["complete"]
    assert [gone.name] == [Path(path).name for path in report["archive"]["missing"]]


@pytest.mark.slow
def test_a_url_is_refused_but_for_that_of_a_folder(config, folder):
    assert "aws s3 sync" in refuse("backup", "s3://acme/backup", "-c", config)

    assert back_up(config, f"file://{folder}")["complete"]


@pytest.mark.slow
def test_the_folder_of_another_archive_is_refused(config, folder):
    back_up(config, folder)
    (folder / "archive" / "_ledger_id").write_text("another one")

    assert "holds the backup of another archive" in refuse("backup", folder, "-c", config)


@pytest.mark.slow
def test_the_archive_is_no_place_for_a_backup_of_it(config):
    place = config.parent / "state" / "archive" / "backup"

    assert "is in the archive" in refuse("backup", place, "-c", config)


@pytest.mark.slow
def test_a_state_on_a_server_is_left_to_its_own_tool(config, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    url = "postgresql+psycopg://collector@127.0.0.1:9/collector"
    with_server = write_config(other, "http://127.0.0.1:9", database_url=url)

    assert "pg_dump" in refuse("backup", folder, "-c", with_server, "--archive", "none")
    assert "pg_restore" in refuse("restore", folder, "-c", with_server)


def test_a_damaged_state_is_refused_with_the_way_back(config, folder):
    back_up(config, folder)
    shutil.copytree(folder / "states", config.parent / "state" / "snapshots")
    alert_ids = list_alert_ids(config)
    damaged = damage_state(config)

    for command in (("status",), ("backup", folder), ("run", "--once")):
        refused = invoke_command(*command, "-c", config).exception
        assert isinstance(refused, DamagedStateError), refused
        assert "`collector restore --state" in str(refused)
    assert damaged == (config.parent / "state" / "state.db").read_bytes()

    restore(config)

    [evidence] = (config.parent / "state" / "damaged").glob("state-*/state.db")
    assert damaged == evidence.read_bytes()
    assert alert_ids == list_alert_ids(config)


def test_without_a_good_snapshot_it_says_what_else_there_is(config):
    damage_state(config)

    refused = invoke_command("status", "-c", config).exception

    assert "There is no good snapshot" in str(refused)
    assert "collector archive adopt" in str(refused)


@pytest.mark.slow
def test_a_copy_that_is_not_good_is_passed_over(config, folder):
    first, second = (back_up(config, folder) for _ in range(2))
    bad = Path(second["folder"]) / "state.db"
    bad.write_bytes(bad.read_bytes()[:-1] + b"x")

    third = Path(back_up(config, folder)["folder"])
    (third / "manifest.json").write_text("{")

    report = restore(config, folder)

    assert f"passed over: {second['name']}" in report.stderr
    assert f"passed over: {third.name}" in report.stderr
    assert "the state of" in report.stdout
    assert "its hash is another one" in refuse(
        "restore", folder, "-c", config, "--state", second["name"]
    )
    assert f"there are {second['name']}, {first['name']}" in refuse(
        "restore", folder, "-c", config, "--state", "none"
    )


def test_a_damaged_file_of_the_archive_is_not_put_back(config, folder):
    back_up(config, folder)
    archive = config.parent / "state" / "archive"
    [damaged, *_] = files = sorted(list_files(archive))
    shutil.rmtree(archive)
    target = folder / "archive" / damaged
    target.write_bytes(target.read_bytes()[:-1] + b"x")

    report = restore(config, folder, expected=1)

    assert f"not put back: {damaged}: its copy is damaged" in report.stderr
    assert set(files[1:]) == list_files(archive)


def test_a_dry_run_changes_nothing(config, folder):
    back_up(config, folder)
    state = config.parent / "state"
    shutil.rmtree(state / "archive")
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}

    report = restore(config, folder, "--dry-run")

    assert "would be put back" in report.stdout
    assert before == {path: path.stat().st_mtime_ns for path in state.rglob("*")}


def test_a_script_reads_what_a_restoration_would_do_and_has_done(config, folder):
    report = back_up(config, folder)
    archive = config.parent / "state" / "archive"
    [damaged, *_] = files = sorted(list_files(archive))
    shutil.rmtree(archive)
    target = folder / "archive" / damaged
    target.write_bytes(target.read_bytes()[:-1] + b"x")

    [planned] = parse_lines(restore(config, folder, "--dry-run", "--json", expected=1))
    [done] = parse_lines(restore(config, folder, "--json", expected=1))

    assert planned["name"] == done["name"] == report["name"]
    assert (False, True) == (planned["done"], done["done"])
    assert [damaged] == list(planned["files_refused"]) == list(done["files_refused"])
    assert not done["complete"]
    assert (0, len(files) - 1, []) == tuple(
        done[key] for key in ("files_in_place", "files_restored", "files_lost")
    )
    assert "damaged" in done["replaced_state"]


def test_nobody_restores_under_a_running_collector(config, folder):
    back_up(config, folder)

    with hold_state_lock(config.parent / "state"):
        refused = invoke_command("restore", folder, "-c", config).exception

    assert isinstance(refused, StateBusyError)
