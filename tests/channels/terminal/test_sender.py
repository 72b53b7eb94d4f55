"""What is printed on a terminal is words, and colours of ours."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from rich.console import Console

from collector.channels.terminal.sender import TerminalNotifier
from collector.model import DeliveryRejection, DeliverySuccess, Message
from hostile.messages import messages, poison_message
from hostile.strings import HOSTILE_STRINGS

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def printed(message: Message, *, colours: bool = False) -> str:
    """What a terminal of 100 columns would get."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=100, force_terminal=colours, color_system="256" if colours else None
    )

    assert TerminalNotifier(console=console).send(message) == DeliverySuccess()
    return stream.getvalue()


def test_it_says_all_that_the_card_says(message: Message) -> None:
    shown = printed(message)

    for part in (
        "─ Critical ─",
        "Bulk API query on Contact (150,000 records) by dana@acme.com",
        "Who         dana@acme.com (0055f00000HyJSwXXY)",
        "12 events, one with 150,000 records",
        "received 8 h 2 min after it happened",
        "2026-11-19 08:00:12  BulkApi2  operation=query",
        "… 10 more",
        "2. If not, freeze the user, then revoke the sessions.",
        "https://attack.mitre.org/techniques/T1078/004/",
        "alert 3f9c2a7b10d4",
    ):
        assert part in shown
    assert "possible repeat" not in shown


def test_an_update_and_a_repeat_say_so(update: Message) -> None:
    shown = printed(update)

    assert "Update: now high, 131 events" in shown
    assert "possible repeat, attempt 2, key 3f9c2a7b10d4.2.secops" in shown


@pytest.mark.slow
def test_a_hostile_text_is_printable(message: Message) -> None:
    for value in HOSTILE_STRINGS:
        assert printed(poison_message(message, value)).replace("\n", "").isprintable()


@pytest.mark.slow
def test_a_hostile_text_adds_nothing_to_our_colours(message: Message) -> None:
    ours = set(COLOUR.findall(printed(message, colours=True)))
    for value in HOSTILE_STRINGS:
        shown = printed(poison_message(message, value), colours=True)

        assert set(COLOUR.findall(shown)) <= ours
        assert COLOUR.sub("", shown).replace("\n", "").isprintable()


@given(message=messages)
def test_any_alert_is_printable(message: Message) -> None:
    assert printed(message).replace("\n", "").isprintable()


def test_rich_markup_in_a_value_is_words(message: Message) -> None:
    assert "[red]rich markup[/red]" in printed(poison_message(message, "[red]rich markup[/red]"))


def test_a_stream_that_is_closed_refuses(message: Message) -> None:
    stream = io.StringIO()
    stream.close()

    assert TerminalNotifier(console=Console(file=stream)).send(message) == DeliveryRejection(
        reason="the terminal cannot be written to: ValueError"
    )


class BrokenPipe(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_pipe_that_breaks_refuses_and_ends_nothing(message: Message) -> None:
    assert TerminalNotifier(console=Console(file=BrokenPipe())).send(message) == DeliveryRejection(
        reason="the terminal cannot be written to: BrokenPipeError"
    )


def test_a_stream_that_cannot_show_the_text_refuses(message: Message) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    outcome = TerminalNotifier(console=Console(file=stream)).send(poison_message(message, "東京"))

    assert outcome == DeliveryRejection(
        reason="the terminal cannot be written to: UnicodeEncodeError"
    )
