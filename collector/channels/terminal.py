"""The terminal that the collector runs in."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from collector import text
from collector.channels.card import Card, Fact, Row, card
from collector.model import Message, Outcome, Refused, Sent, Severity

_VALUE = 400

_COLOURS = {
    Severity.CRITICAL: "bright_red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFORMATIONAL: "bright_black",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Prints a panel for each message. The console, if none is given, writes to stdout."""

    console: Console = field(default_factory=Console)

    def send(self, message: Message) -> Outcome:
        """Print it. A stream that is closed or cannot show the text refuses it for good."""
        try:
            self.console.file.write(_drawn(panel(message), self.console))
            self.console.file.flush()
        except (OSError, ValueError) as problem:
            return Refused(reason=f"the terminal cannot be written to: {type(problem).__name__}")
        return Sent()


def _drawn(shown: Panel, console: Console) -> str:
    """As that console would write it. If it did, a broken pipe would end the whole process."""
    page = io.StringIO()
    Console(
        file=page,
        width=console.width,
        force_terminal=console.is_terminal,
        color_system=cast("Any", console.color_system),
    ).print(shown)
    return page.getvalue()


def panel(message: Message) -> Panel:
    """What is printed. No text of it is rich markup, an emoji code or a link."""
    shown = card(message)
    colour = _COLOURS[shown.severity]
    origin = "  ".join(f"{fact.label} {fact.value}" for fact in shown.origin)
    return Panel(
        Group(*_parts(shown)),
        title=_text(shown.headline, f"bold {colour}"),
        title_align="left",
        subtitle=_text(origin, "dim"),
        subtitle_align="left",
        border_style=colour,
        box=box.ROUNDED,
        padding=(0, 1),
    )


def _parts(shown: Card) -> Iterator[RenderableType]:
    yield _text(shown.title, "bold")
    if shown.description:
        yield _text(shown.description, "dim")
    yield Text()
    yield _pairs(shown.facts)
    if shown.evidence:
        yield _heading("Evidence")
        yield _events(shown)
    if shown.steps:
        yield _heading("What to do")
        yield from _steps(shown)
    if shown.links:
        yield _heading("Links")
        yield from (_text(link.url) for link in shown.links)
    if shown.repeat:
        yield _heading(shown.repeat)


def _pairs(facts: Iterable[Fact]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for fact in facts:
        table.add_row(_text(fact.label, "dim"), _text(fact.value))
    return table


def _events(shown: Card) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in shown.evidence:
        table.add_row(_text(row.time, "dim"), _text(_line(row)))
    if shown.more_events:
        table.add_row("", _text(f"… {shown.more_events:,} more", "dim"))
    return table


def _line(row: Row) -> str:
    return "  ".join([row.kind, *(f"{detail.label}={detail.value}" for detail in row.details)])


def _steps(shown: Card) -> Iterator[Text]:
    for number, step in enumerate(shown.steps, start=1):
        yield _text(f"{number}. {step}")
    if shown.more_steps:
        yield _text(f"… {shown.more_steps} more", "dim")


def _heading(words: str) -> Text:
    return Text("\n").append_text(_text(words, "bold"))


def _text(value: str, style: str = "") -> Text:
    return Text(text.terminal(value, _VALUE), style=style, overflow="fold")
