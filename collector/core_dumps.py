"""Keeps the memory of the process, in which secrets are, from being written to a disk."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4
"""From linux/prctl.h: with 0 no core is dumped, and no other process of the user may attach."""


def prevent_core_dumps() -> None:
    """From here on no crash of this process leaves its memory behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
