"""A card as a panel of words: no text of it is rich markup, an emoji code or a link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from collector import escaping
from collector.channels.card import Card, EvidenceRow, Fact
from collector.channels.message_card import build_card
from collector.model import ChannelMessage, Severity

_VALUE_LIMIT = 400

_COLOURS = {
    Severity.CRITICAL: "bright_red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFORMATIONAL: "bright_black",
}


def build_panel(message: ChannelMessage) -> Panel:
    """The panel that shows a message."""
    card = build_card(message)
    colour = _COLOURS[card.severity]
    origin = "  ".join(f"{fact.label} {fact.value}" for fact in card.origin)
    return Panel(
        Group(*_list_parts(card)),
        title=_to_rich_text(card.headline, f"bold {colour}"),
        title_align="left",
        subtitle=_to_rich_text(origin, "dim"),
        subtitle_align="left",
        border_style=colour,
        box=box.ROUNDED,
        padding=(0, 1),
    )


def _list_parts(card: Card) -> Iterator[RenderableType]:
    yield _to_rich_text(card.title, "bold")
    if card.description:
        yield _to_rich_text(card.description, "dim")
    yield Text()
    yield _build_fact_table(card.facts)
    if card.evidence:
        yield _render_heading("Evidence")
        yield _build_event_table(card)
    if card.steps:
        yield _render_heading("What to do")
        yield from _render_steps(card)
    if card.links:
        yield _render_heading("Links")
        yield from (_to_rich_text(link.url) for link in card.links)
    if card.repeat:
        yield _render_heading(card.repeat)


def _build_grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _build_fact_table(facts: Iterable[Fact]) -> Table:
    table = _build_grid()
    for fact in facts:
        table.add_row(_to_rich_text(fact.label, "dim"), _to_rich_text(fact.value))
    return table


def _build_event_table(card: Card) -> Table:
    table = _build_grid()
    for row in card.evidence:
        table.add_row(_to_rich_text(row.time, "dim"), _to_rich_text(_render_row(row)))
    if card.more_events:
        table.add_row("", _to_rich_text(f"… {card.more_events:,} more", "dim"))
    return table


def _render_row(row: EvidenceRow) -> str:
    return "  ".join([row.kind, *(f"{detail.label}={detail.value}" for detail in row.details)])


def _render_steps(card: Card) -> Iterator[Text]:
    for number, step in enumerate(card.steps, start=1):
        yield _to_rich_text(f"{number}. {step}")
    if card.more_steps:
        yield _to_rich_text(f"… {card.more_steps} more", "dim")


def _render_heading(words: str) -> Text:
    return Text("\n").append_text(_to_rich_text(words, "bold"))


def _to_rich_text(value: str, style: str = "") -> Text:
    return Text(escaping.escape_terminal(value, _VALUE_LIMIT), style=style, overflow="fold")
