"""Events of a rule with what a link event says of them, as SQL."""

from __future__ import annotations

from collections.abc import Sequence

from collector.clock import duration_to_micros
from collector.escaping import quote_identifier
from collector.model import MemberLink
from collector.model.event_columns import HEADER_COLUMNS


def list_link_fields(link: MemberLink | None, rule: str) -> list[str]:
    """The fields of a rule's events that a link reads."""
    if link is None:
        return []
    return [link.by, *link.fills] if rule == link.rule else [link.by]


def select_linked_rows(link: MemberLink, fields: Sequence[str], rows: str, links: str) -> str:
    """SQL: events with these fields, of which those that the link fills are filled where NULL.

    Of several link events with different values the least counts, so that it does not depend on
    their order.

    Args:
        link: what is filled, and by what.
        fields: the fields of the events beside the header columns; all text.
        rows: SELECT of the events.
        links: SELECT of the link events.
    """
    columns = [*HEADER_COLUMNS, *map(quote_identifier, fields)]
    filled = {quote_identifier(name) for name in link.fills}
    selected = [
        f"coalesce(m.{name}, min(nullif(l.{name}, ''))) AS {name}"
        if name in filled
        else f"m.{name}"
        for name in columns
    ]
    by, within = quote_identifier(link.by), duration_to_micros(link.within)
    grouped = ", ".join(f"m.{name}" for name in columns)
    return (
        f"SELECT {', '.join(selected)} FROM ({rows}) AS m LEFT JOIN ({links}) AS l"
        f" ON nullif(m.{by}, '') = l.{by}"
        f" AND epoch_us(l.time) >= epoch_us(m.time) - {within}"
        f" AND epoch_us(l.time) <= epoch_us(m.time) + {within}"
        f" GROUP BY {grouped}"
    )
