"""Nothing that is named where a file is to be makes anybody wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collector.named_files import open_regular_file, read_small_file


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")

    with open_regular_file(path) as file:
        assert file.read() == b"0123456789"
    assert read_small_file(path, limit=4) == b"0123"
    assert read_small_file(path, limit=40) == b"0123456789"


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(OSError, match="no regular file, but a pipe or a device"):
        open_regular_file(path)
    with pytest.raises(OSError, match="a pipe that nobody writes to"):
        read_small_file(path, limit=4)


@pytest.mark.parametrize("delay", [0, 0.2], ids=["at once", "later"])
def test_what_a_command_writes_is_read_to_its_end(delay: float) -> None:
    """`<(command)` names the pipe of a process that may still be starting."""
    program = f"import time; time.sleep({delay}); print('ab'); time.sleep({delay}); print('cd')"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        path = Path(f"/dev/fd/{process.stdout.fileno()}")

        assert read_small_file(path, limit=100) == b"ab\ncd\n"


def test_a_folder_a_device_and_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_regular_file(tmp_path)
    with pytest.raises(IsADirectoryError):
        read_small_file(tmp_path, limit=4)
    with pytest.raises(OSError, match="no regular file"):
        open_regular_file(Path("/dev/zero"))
    assert read_small_file(Path("/dev/zero"), limit=4) == bytes(4)
    with pytest.raises(FileNotFoundError):
        open_regular_file(tmp_path / "none")
