"""What logins remember is whole, private, and there after a crash."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from collector.errors import SalesforceError
from collector.salesforce.token_store import DiskTokenStore, MemoryTokenStore


@pytest.fixture(params=["disk", "memory"])
def vault(request, tmp_path):
    return (
        MemoryTokenStore()
        if request.param == "memory"
        else DiskTokenStore(tmp_path / "state" / "tokens")
    )


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_written_last_is_read(vault):
    assert vault.read("acme") is None
    vault.write("acme", b"one")
    vault.write("acme", b"two")
    vault.write("other", b"three")

    assert vault.read("acme") == b"two"


def test_one_is_alone_with_an_org(vault):
    order = []

    def late():
        with vault.lock_org("acme"):
            order.append("late")

    with vault.lock_org("acme"):
        thread = threading.Thread(target=late)
        thread.start()
        thread.join(0.05)
        order.append("early")
    thread.join(5)

    assert order == ["early", "late"]


def test_one_is_alone_among_processes(tmp_path):
    program = (
        "import sys, pathlib; from collector.salesforce.token_store import DiskTokenStore\n"
        "vault = DiskTokenStore(pathlib.Path(sys.argv[1]))\n"
        "with vault.lock_org('acme'): print(vault.read('acme').decode(), flush=True)\n"
    )
    vault = DiskTokenStore(tmp_path)
    with vault.lock_org("acme"):
        other = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        vault.write("acme", b"written while it waited")
    said, _ = other.communicate(timeout=20)

    assert said == "written while it waited\n"


def test_files_are_for_their_owner_alone(tmp_path):
    folder = tmp_path / "state" / "tokens"
    vault = DiskTokenStore(folder)
    with vault.lock_org("acme"):
        vault.write("acme", b"x")

    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "acme": 0o600,
        "acme.lock": 0o600,
    }


def test_a_death_in_the_middle_of_writing_leaves_the_old_one(tmp_path):
    vault = DiskTokenStore(tmp_path)
    vault.write("acme", b"old")
    (tmp_path / "acme.new").write_bytes(b"ha")

    assert vault.read("acme") == b"old"
    vault.write("acme", b"new")
    assert vault.read("acme") == b"new"
    assert not (tmp_path / "acme.new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path):
    os.chown(tmp_path, 12345, 54321)
    folder = tmp_path / "tokens"
    vault = DiskTokenStore(folder)
    with vault.lock_org("acme"):
        vault.write("acme", b"x")

    owners = {(path.stat().st_uid, path.stat().st_gid) for path in [folder, *folder.iterdir()]}
    assert owners == {(12345, 54321)}


@pytest.mark.parametrize(
    "act",
    [
        lambda vault: vault.read("acme"),
        lambda vault: vault.write("acme", b""),
        lambda vault: vault.lock_org("acme").__enter__(),
    ],
)
def test_a_folder_that_is_none_is_named(tmp_path, act):
    (tmp_path / "tokens").write_text("a file")
    vault = DiskTokenStore(tmp_path / "tokens")

    with pytest.raises(SalesforceError, match=r"tokens.* cannot be used: "):
        act(vault)


def test_a_link_is_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("safe")
    folder = tmp_path / "tokens"
    folder.mkdir()
    (folder / "acme.new").symlink_to(outside)

    with pytest.raises(SalesforceError, match="cannot be used"):
        DiskTokenStore(folder).write("acme", b"x")
    assert outside.read_text() == "safe"


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.read("acme"),
        lambda store: store.write("acme", b"x"),
        lambda store: store.lock_org("acme").__enter__(),
    ],
)
def test_a_folder_that_leads_elsewhere_or_is_open_to_others_is_refused(tmp_path, act):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "tokens"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)
    with pytest.raises(SalesforceError, match="is a link"):
        act(DiskTokenStore(folder))

    folder.unlink()
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(SalesforceError, match="run chmod go-w"):
        act(DiskTokenStore(folder))
    assert [] == [*elsewhere.iterdir(), *folder.iterdir()]
