"""`archive verify`: what is not as it was committed is named, set aside, told and fetched again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
from cli.processes import invoke_command, run_collector

from collector import clock
from collector.api.archive_verification import BUSY_OUTCOME, MISCOUNT_OUTCOME
from collector.demo import EmbeddedOrg, OrgStore
from collector.store import damaged_files, reported_damage
from fakes.collector_setup import (
    HOUR,
    build_log_file,
    list_stored_values,
    open_test_collector,
    poll_sources,
    write_config,
)
from fakes.public_folders import open_public_folder

HOURS = [clock.now().replace(minute=0, second=0, microsecond=0) - n * HOUR for n in (5, 6)]
ALTERED = "its bytes are not those that were committed"


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A folder with a configuration whose state has two log files, of two types."""
    folder = tmp_path_factory.mktemp("collected")
    store = OrgStore()
    store.add_files(
        [
            build_log_file(1, HOURS[0], rows=3, created=HOURS[0] + HOUR),
            build_log_file(2, HOURS[1], rows=2, event_type="Logout", created=HOURS[0] + HOUR),
        ]
    )
    with EmbeddedOrg(store) as org:
        path = write_config(folder, org, event_log_file={"settle": "0s"})
        with open_test_collector(path) as collector:
            poll_sources(collector)
        yield folder


@pytest.fixture
def config(collected, tmp_path):
    return copy_state(collected, tmp_path / "own")


def copy_state(collected, folder):
    """The configuration of a copy of a collected state."""
    shutil.copytree(collected, folder)
    path = folder / "collector.yaml"
    path.write_text(path.read_text().replace(str(collected), str(folder)))
    return path


def find_file(config, event_type="Login"):
    (path,) = (config.parent / "state/archive").rglob(f"event_type={event_type}/*/*.parquet")
    return path


def flip_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def verify(config, *options):
    result = invoke_command("archive", "verify", "--json", "-c", config, *options)
    return result.exit_code, json.loads(result.stdout)


def run_sql(config, statement):
    with sqlite3.connect(config.parent / "state" / "state.db") as connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def test_a_sound_archive_is_said_to_be_sound(config):
    assert (0, 2, 5, 0, [], True) == (
        (outcome := verify(config))[0],
        *(outcome[1][name] for name in ("files", "events", "unhashed_files", "altered", "sound")),
    )
    assert 3 == verify(config, "--event-type", "Login")[1]["events"]
    assert 0 == verify(config, "--since", "1h")[1]["files"]
    assert "No file" in (
        invoke_command("archive", "verify", "-c", config, "--event-type", "Logni").stdout
    )
    assert "every byte is as it was committed" in (
        invoke_command("archive", "verify", "-c", config).stdout
    )


@pytest.mark.slow
def test_a_flipped_bit_is_told_set_aside_and_mended(config):
    path, stored = find_file(config), list_stored_values(config.parent)
    flip_bit(path)

    exit_code, report = verify(config)
    (altered,) = report["altered"]
    assert (1, 1, False) == (exit_code, report["files"], report["sound"])
    assert ("acme", "Login", 3, ALTERED) == tuple(
        altered[key] for key in ("org", "event_type", "rows", "reason")
    )
    assert "set aside" in altered["outcome"]
    assert not path.exists()
    assert (0, 1) == ((again := verify(config))[0], again[1]["files"])

    with open_test_collector(config) as collector:
        (symptom,) = collector.health_monitor.check_health(clock.now())
        assert ("acme/archive", "Login") == (symptom.subject, symptom.part)
        poll_sources(collector)
    assert path.exists()
    # The third one is the event that told of it.
    assert [*stored, None] == list_stored_values(config.parent)
    assert (0, 3) == ((mended := verify(config))[0], mended[1]["files"])


def test_files_of_an_earlier_version_get_a_hash_when_all_of_them_can_be_read(config):
    hashes = run_sql(config, "SELECT path, sha256 FROM files ORDER BY path")
    run_sql(config, "UPDATE files SET sha256 = ''")
    find_file(config, "Logout").write_bytes(bytes(find_file(config, "Logout").stat().st_size))

    exit_code, report = verify(config)

    assert (1, 1, 1) == (exit_code, report["unhashed_files"], len(report["altered"]))
    assert [one for one in hashes if "=Login/" in one[0]] == (
        run_sql(config, "SELECT path, sha256 FROM files")
    )
    assert 0 == verify(config)[1]["unhashed_files"]


@pytest.mark.parametrize(
    "was_locked", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["at work", "ended"]
)
def test_beside_a_collector_at_work_that_sets_aside_what_is_reported(config, was_locked):
    with open_test_collector(config) as collector:
        flip_bit(find_file(config))
        _, report = verify(config)
        assert [BUSY_OUTCOME] == [one["outcome"] for one in report["altered"]]
        assert find_file(config).exists()
        status = invoke_command("status", "--json", "-c", config)
        assert ["new"] == [
            line["state"]
            for line in map(json.loads, status.stdout.splitlines())
            if line["kind"] == "unreadable_file" and line["reason"] == ALTERED
        ]
        assert [] == run_sql(config, "SELECT path FROM damaged")
        if was_locked:
            collector.pipeline.set_absent_files_aside(clock.now())
    if not was_locked:
        with open_test_collector(config) as collector:
            collector.health_monitor.check_health(clock.now())

    assert [(report["altered"][0]["path"],)] == run_sql(config, "SELECT path FROM damaged")
    assert [] == run_sql(config, "SELECT * FROM reported_damage")


@pytest.mark.slow
def test_a_report_of_a_file_that_is_sound_by_then_changes_nothing(config):
    with open_test_collector(config) as collector:
        path = find_file(config)
        sound = path.read_bytes()
        flip_bit(path)
        verify(config)
        path.write_bytes(sound)
        collector.pipeline.set_absent_files_aside(clock.now())
        with collector.database.read() as state:
            assert [] == damaged_files.list_damaged_files(state)
            assert {} == reported_damage.list_reports(state)

    assert 0 == verify(config)[0]


def test_a_ledger_that_counts_wrong_costs_no_file(config):
    run_sql(config, "UPDATE files SET rows = 4 WHERE event_type = 'Login'")

    exit_code, report = verify(config)

    (altered,) = report["altered"]
    assert (1, "it has 3 events, and the ledger says 4", MISCOUNT_OUTCOME) == (
        exit_code,
        altered["reason"],
        altered["outcome"],
    )
    assert find_file(config).exists()
    assert [] == run_sql(config, "SELECT path FROM damaged")


def test_a_pipe_and_a_folder_in_the_place_of_files_are_told_and_moved_away(config):
    pipe, folder = find_file(config), find_file(config, "Logout")
    for path in (pipe, folder):
        path.unlink()
    os.mkfifo(pipe)
    folder.mkdir()

    _, report = verify(config)

    assert ["it is no file"] * 2 == [one["reason"] for one in report["altered"]]
    assert not pipe.exists()
    assert not folder.exists()


def test_a_file_that_is_about_to_be_fetched_again_is_not_judged(config):
    flip_bit(find_file(config))
    run_sql(config, "UPDATE batches SET state = 'damaged'")

    exit_code, report = verify(config)

    assert (0, [], 1, 1) == (
        exit_code,
        report["altered"],
        report["files"],
        report["unjudged_files"],
    )


@pytest.mark.slow
def test_files_that_go_while_they_are_verified_are_named_or_were_pruned(config):
    paths = [find_file(config), find_file(config, "Logout")]
    run_sql(config, "DELETE FROM files WHERE event_type = 'Logout'")
    stop = threading.Event()

    def remove_files():
        stop.wait(0.01)
        for path in paths:
            path.unlink()

    remover = threading.Thread(target=remove_files)
    remover.start()
    results = [verify(config) for _ in range(3)]
    remover.join()

    reasons = {one["reason"] for _, report in results for one in report["altered"]}
    assert {"it is not there"} == reasons
    assert {"Login"} == {one["event_type"] for _, report in results for one in report["altered"]}


@pytest.mark.slow
def test_a_hash_chain_is_begun_walked_told_and_does_not_fit_what_was_changed(config):
    assert verify(config)[1]["chain"] is None
    values = json.loads(config.read_text())
    config.write_text(json.dumps({**values, "archive": {"hash_chain": True}}))
    with open_test_collector(config) as collector:
        collector.health_monitor.check_health(clock.now())

    exit_code, report = verify(config)
    head = report["chain"]["head"]
    assert (0, 1, "", True) == (
        exit_code,
        head["number"],
        *(report["chain"][key] for key in ("fault", "is_on")),
    )
    text = f"{head['number']}:{head['hash']}"
    assert text in invoke_command("archive", "verify", "-c", config).stdout
    assert text in invoke_command("status", "-c", config).stdout
    status = map(json.loads, invoke_command("status", "--json", "-c", config).stdout.splitlines())
    assert {"kind": "hash_chain", **head} in status

    # Somebody puts another sound file there, and lets the ledger say so.
    find_file(config).write_bytes(find_file(config, "Logout").read_bytes())
    digest = hashlib.sha256(find_file(config).read_bytes()).hexdigest()
    size = find_file(config).stat().st_size
    run_sql(
        config,
        f"UPDATE files SET sha256 = '{digest}', bytes = {size}, rows = 2"
        " WHERE event_type = 'Login'",
    )
    exit_code, report = verify(config)
    assert (1, [], 1) == (exit_code, report["altered"], report["chain"]["fault_number"])
    assert "does not fit" in invoke_command("archive", "verify", "-c", config).stderr
    assert 0 == verify(config, "--head", text)[1]["chain"]["fault"].count("kept")
    assert "was kept" in verify(config, "--head", f"2:{head['hash']}")[1]["chain"]["fault"]
    assert 2 == invoke_command("archive", "verify", "-c", config, "--head", "1:abc").exit_code


@pytest.fixture
def public_folder():
    with open_public_folder() as folder:
        yield folder


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_may_not_write_is_told_all_the_same(collected, public_folder):
    config = copy_state(collected, public_folder / "own")
    flip_bit(find_file(config))
    for path in [config.parent, *config.parent.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | (stat.S_IROTH | stat.S_IXOTH if path.is_dir() else stat.S_IROTH))
    find_file(config, "Logout").chmod(0o600)
    script = (
        "import os, sys; from collector.cli import cli;"
        "arguments = ['archive', 'verify', '--json', '-c', sys.argv[1]];"
        # Python itself lies where only root may read: all that is imported late is here after this.
        "cli([*arguments, '--event-type', 'Logout'], standalone_mode=False);"
        "os.setgid(65534); os.setuid(65534); cli(arguments)"
    )

    process = subprocess.run(
        [sys.executable, "-c", script, str(config)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )

    assert 1 == process.returncode, process.stderr
    report = json.loads(process.stdout.splitlines()[-1])
    assert {ALTERED, "it may not be read by this user"} == {
        one["reason"] for one in report["altered"]
    }
    assert all("nobody could be told" in one["outcome"] for one in report["altered"])


@pytest.mark.slow
def test_an_archive_that_is_not_mounted_is_not_taken_for_many_damaged_files(config):
    archive = config.parent / "state" / "archive"
    archive.rename(archive.with_name("elsewhere"))
    archive.mkdir()

    process = run_collector("archive", "verify", "-c", config, cwd=config.parent)

    assert 1 == process.returncode
    assert "is its volume mounted" in process.stderr
    assert 2 == len(run_sql(config, "SELECT path FROM files"))


def test_an_org_that_nobody_knows_is_not_sound(config):
    refused = invoke_command("archive", "verify", "--org", "acne", "-c", config)

    assert 1 == refused.exit_code
    assert "no org is called 'acne'; known are acme" in str(refused.exception)
