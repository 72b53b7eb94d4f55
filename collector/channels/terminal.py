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

from collector import escaping
from collector.channels.card import Card, EvidenceRow, Fact, build_card
from collector.model import DeliveryOutcome, DeliveryRejection, DeliverySuccess, Message, Severity

_VALUE_LIMIT = 400

_COLOURS = {
    Severity.CRITICAL: "bright_red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFORMATIONAL: "bright_black",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalNotifier:
    """Prints a panel for each message. The console, if none is given, writes to stdout."""

    console: Console = field(default_factory=Console)

    def send(self, message: Message) -> DeliveryOutcome:
        """Print it. A stream that is closed or cannot show the text refuses it for good."""
        try:
            self.console.file.write(_draw_panel(build_panel(message), self.console))
            self.console.file.flush()
        except (OSError, ValueError) as problem:
            return DeliveryRejection(
                reason=f"the terminal cannot be written to: {type(problem).__name__}"
            )
        return DeliverySuccess()


def _draw_panel(shown: Panel, console: Console) -> str:
    """As that console would write it. If it did, a broken pipe would end the whole process."""
    page = io.StringIO()
    Console(
        file=page,
        width=console.width,
        force_terminal=console.is_terminal,
        color_system=cast("Any", console.color_system),
    ).print(shown)
    return page.getvalue()


def build_panel(message: Message) -> Panel:
    """What is printed. No text of it is rich markup, an emoji code or a link."""
    shown = build_card(message)
    colour = _COLOURS[shown.severity]
    origin = "  ".join(f"{fact.label} {fact.value}" for fact in shown.origin)
    return Panel(
        Group(*_list_parts(shown)),
        title=_to_rich_text(shown.headline, f"bold {colour}"),
        title_align="left",
        subtitle=_to_rich_text(origin, "dim"),
        subtitle_align="left",
        border_style=colour,
        box=box.ROUNDED,
        padding=(0, 1),
    )


def _list_parts(shown: Card) -> Iterator[RenderableType]:
    yield _to_rich_text(shown.title, "bold")
    if shown.description:
        yield _to_rich_text(shown.description, "dim")
    yield Text()
    yield _build_fact_table(shown.facts)
    if shown.evidence:
        yield _render_heading("Evidence")
        yield _build_event_table(shown)
    if shown.steps:
        yield _render_heading("What to do")
        yield from _render_steps(shown)
    if shown.links:
        yield _render_heading("Links")
        yield from (_to_rich_text(link.url) for link in shown.links)
    if shown.repeat:
        yield _render_heading(shown.repeat)


def _build_fact_table(facts: Iterable[Fact]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for fact in facts:
        table.add_row(_to_rich_text(fact.label, "dim"), _to_rich_text(fact.value))
    return table


def _build_event_table(shown: Card) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in shown.evidence:
        table.add_row(_to_rich_text(row.time, "dim"), _to_rich_text(_render_row(row)))
    if shown.more_events:
        table.add_row("", _to_rich_text(f"… {shown.more_events:,} more", "dim"))
    return table


def _render_row(row: EvidenceRow) -> str:
    return "  ".join([row.kind, *(f"{detail.label}={detail.value}" for detail in row.details)])


def _render_steps(shown: Card) -> Iterator[Text]:
    for number, step in enumerate(shown.steps, start=1):
        yield _to_rich_text(f"{number}. {step}")
    if shown.more_steps:
        yield _to_rich_text(f"… {shown.more_steps} more", "dim")


def _render_heading(words: str) -> Text:
    return Text("\n").append_text(_to_rich_text(words, "bold"))


def _to_rich_text(value: str, style: str = "") -> Text:
    return Text(escaping.escape_terminal(value, _VALUE_LIMIT), style=style, overflow="fold")
