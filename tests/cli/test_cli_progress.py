"""A bar for work that takes long, on a terminal alone; what is told is told either way."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from collector.cli.progress import show_progress

PATIENT, AT_ONCE = 3600.0, 0.0
SHOW_CURSOR = "\x1b[?25h"
"""What a bar writes when it ends."""


def terminal(page: io.StringIO) -> Console:
    return Console(file=page, force_terminal=True, width=80)


class Page(io.StringIO):
    """Text that was written, and whether a bar has been drawn in it."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Event()

    def write(self, text: str) -> int:
        if "Reading" in text:
            self.drawn.set()
        return super().write(text)


def test_long_work_on_a_terminal_shows_how_far_it_is():
    page = Page()
    with show_progress("Reading", total=4, console=terminal(page), delay_seconds=AT_ONCE) as work:
        work.advance(1)
        assert page.drawn.wait(10)

    assert SHOW_CURSOR in page.getvalue()


def test_short_work_shows_nothing():
    page = Page()
    with show_progress("Reading", total=4, console=terminal(page), delay_seconds=PATIENT) as work:
        work.advance(4)

    assert "" == page.getvalue()


def test_what_is_no_terminal_gets_the_sentences_alone():
    page = Page()
    console = Console(file=page, width=20)
    with show_progress("Reading", total=4, console=console, delay_seconds=AT_ONCE) as work:
        work.advance(2)
        work.print_message("a sentence that is longer than the console, \x1b[31mwith an escape")

    assert (
        "a sentence that is longer than the console, \\x1b[31mwith an escape\n" == page.getvalue()
    )


def test_the_bar_ends_with_the_work_when_that_fails():
    page = Page()

    def fail():
        with show_progress("Reading", total=4, console=terminal(page), delay_seconds=AT_ONCE):
            assert page.drawn.wait(10)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()

    assert SHOW_CURSOR in page.getvalue()
