"""What logins store for the next process: small private files, each whole or not there."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from collector import clock
from collector.durable_files import sync_path
from collector.errors import SalesforceError, StoppedError
from collector.private_folders import check_private_folder

TOKENS_FOLDER = "tokens"
"""Where the files are, below the state directory. Nothing else of the state is secret."""


LOCK_PAUSE_SECONDS = 0.1


class TokenStore(Protocol):
    """Named contents that outlive a process, or at least an object.

    Every method may raise SalesforceError with a sentence that names the file.
    """

    def lock_org(self, org: str) -> AbstractContextManager[object]:
        """Keep every other login of that org waiting, in this process and in others."""
        ...

    def read(self, name: str) -> bytes | None:
        """What was last written under a name; None if nothing was."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace what is under a name; once this returns, no crash undoes it."""
        ...


class MemoryTokenStore:
    """A store that is gone with the object."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def lock_org(self, org: str) -> AbstractContextManager[object]:  # noqa: ARG002 - the contract's
        """The one lock of all orgs."""
        return self._lock

    def read(self, name: str) -> bytes | None:
        """What was last written."""
        return self._contents.get(name)

    def write(self, name: str, content: bytes) -> None:
        """Replace it."""
        self._contents[name] = content


class DiskTokenStore:
    """Files in a folder that only its owner may enter. Root leaves them to the folder's owner.

    Once `stop_event` is set, whoever waits for another login gets StoppedError.
    """

    def __init__(self, folder: Path, *, stop_event: threading.Event | None = None) -> None:
        self._folder = folder
        self._stop_event = stop_event

    @contextmanager
    def lock_org(self, org: str) -> Iterator[None]:
        """Hold the org's lock file; the system lets go of it when the process ends."""
        with _translate_errors(self._folder):
            self._create_folder()
            descriptor = self._open_file(f"{org}.lock", os.O_RDWR)
        try:
            self._await_lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def read(self, name: str) -> bytes | None:
        """The file's content, None where there is no file."""
        path = self._folder / name
        with _translate_errors(path):
            self._check_folder()
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write another file, wait until it is on the disk, and put it in the place of the old."""
        path = self._folder / name
        with _translate_errors(path):
            self._create_folder()
            descriptor = self._open_file(f"{name}.new", os.O_WRONLY | os.O_TRUNC)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            path.with_name(f"{name}.new").replace(path)
            sync_path(self._folder)

    def _await_lock(self, descriptor: int) -> None:
        with _translate_errors(self._folder):
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                if clock.wait(LOCK_PAUSE_SECONDS, self._stop_event):
                    raise StoppedError("asked to end while another login was under way")

    def _check_folder(self) -> None:
        """Refuse a folder that others can change, or have put there. One that is absent is fine."""
        if not (self._folder.is_symlink() or self._folder.is_dir()):
            return
        owner = os.geteuid() or self._folder.parent.stat().st_uid
        try:
            check_private_folder(self._folder, owner=owner)
        except PermissionError as error:
            raise SalesforceError(f"login: {error}") from None

    def _create_folder(self) -> None:
        self._check_folder()
        if self._folder.is_dir():
            return
        self._folder.mkdir(parents=True, mode=0o700)
        _give_to_owner(self._folder, owner_folder=self._folder.parent)

    def _open_file(self, name: str, flags: int) -> int:
        path = self._folder / name
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        _give_to_owner(path, owner_folder=self._folder)
        return descriptor


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SalesforceError(f"login: {path} cannot be used: {error.strerror}") from None


def _give_to_owner(path: Path, *, owner_folder: Path) -> None:
    """Give a file to the owner of a folder, who may not be the root that runs `collector check`."""
    if os.geteuid() == 0:
        owner = owner_folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
