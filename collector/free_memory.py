"""Gives memory that is not used any more back to the system, where the C library is glibc.

Its allocator keeps what was freed for the next one who asks, in an arena for each thread that has
ever allocated, up to eight for each core: a daemon that has worked hard once stays large. Source:
mallopt(3), malloc_trim(3).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_ARENA_MAX = -8
"""`M_ARENA_MAX` of malloc.h."""


def limit_arenas(count: int) -> None:
    """Let all threads allocate from so many arenas. For the start of a process.

    As many as there are cores are enough for all of them to work at a time.
    """
    set_option = _find_function("mallopt")
    if set_option is not None:
        set_option(_ARENA_MAX, count)


def return_free_memory() -> None:
    """Give back all that is free. It takes milliseconds."""
    trim = _find_function("malloc_trim")
    if trim is not None:
        trim(0)


def _find_function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where there is none of that name."""
    return getattr(ctypes.CDLL(None), name, None)
