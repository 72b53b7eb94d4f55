"""What was freed goes back to the system, also by threads that are idle since."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, json, re, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from collector import free_memory

def measure():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10

def allocate_blocks(_):
    # Blocks that malloc does not map one by one; the last pins what lies below it.
    blocks = [libc.malloc(100_000) for _ in range(400)]
    for block in blocks:
        ctypes.memset(block, 1, 100_000)
    peaks.append(measure())
    for block in blocks[:-1]:
        libc.free(block)

libc, peaks = ctypes.CDLL(None), []
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
free_memory.limit_arenas(2)
before = measure()
with ThreadPoolExecutor(4) as pool:
    list(pool.map(allocate_blocks, range(4)))
    kept = measure()
    free_memory.return_free_memory()
    print(json.dumps([max(peaks) - before, kept - before, measure() - before]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_what_was_freed_is_given_back():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    peak, kept, after = json.loads(done.stdout)

    assert (True, True, True) == (peak >= 35, kept >= 30, after <= 10), (peak, kept, after)
