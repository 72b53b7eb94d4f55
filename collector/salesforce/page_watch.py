"""Whether a further page may be asked for, as whoever reads in this thread says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PageCheck = Callable[[], None]
"""Raises the CollectorError that ends the reading, where no further page is to be asked for."""


def _allow_page() -> None:
    """Allow any number of pages."""


_present_check: ContextVar[PageCheck] = ContextVar("page_check", default=_allow_page)


@contextmanager
def watch_pages(check: PageCheck) -> Iterator[None]:
    """Let `check` be asked before each further page that this thread asks for inside."""
    token = _present_check.set(check)
    try:
        yield
    finally:
        _present_check.reset(token)


def check_next_page() -> None:
    """Raises what the check in force raises; nothing where a further page may be asked for."""
    _present_check.get()()
