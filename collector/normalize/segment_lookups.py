"""What is known of the values in a segment: tables of a connection, how they are joined, forms."""

from __future__ import annotations

from dataclasses import dataclass

from collector.normalize.address_places import PLACES_TABLE
from collector.normalize.ip_address_sql import KEY_LENGTH
from collector.normalize.query_outlines import OUTLINES_TABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLookups:
    """What is known of a segment.

    Attributes:
        has_outlines: there is a table of what its queries ask for.
        has_places: there is one of where its addresses are.
        has_ipv4_addresses: each source address is nothing, or an IPv4 address and no more.
        has_plain_names: each name is nothing, or its own plain form.
    """

    has_outlines: bool = False
    has_places: bool = False
    has_ipv4_addresses: bool = False
    has_plain_names: bool = False


NO_LOOKUPS = SegmentLookups()


def join_lookups(relation: str, lookups: SegmentLookups) -> str:
    """A FROM item with the rows of one, and what the tables know of each."""
    joined = f"{relation} AS prepared"
    if lookups.has_outlines:
        joined += f" LEFT JOIN {OUTLINES_TABLE} AS outline ON prepared.given_query = outline.text"
    if lookups.has_places:
        key = f"left(prepared.read_address_key, {KEY_LENGTH})"
        joined += f" LEFT JOIN {PLACES_TABLE} AS place ON {key} = place.key"
    return joined
