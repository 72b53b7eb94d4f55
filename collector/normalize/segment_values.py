"""Questions about the values of a segment before it is read: its queries, addresses and names."""

from __future__ import annotations

from collector.model import Batch
from collector.model.event_columns import NAME_COLUMNS
from collector.normalize.ip_address_sql import KEY_LENGTH, match_ipv4, select_addresses
from collector.normalize.plain_name_sql import match_plain_names
from collector.normalize.segment_select import (
    SegmentRelation,
    map_canonical_columns,
    name_columns,
    read_verbatim_names,
)

_DISTINCT_QUERIES = "list(DISTINCT query) FILTER (query IS NOT NULL)"


def build_value_select(batch: Batch, relation: SegmentRelation) -> str | None:
    """SQL that gives one row of what is in a segment; None where it has no column to ask for.

    That is the list of its distinct queries (NULL where it has none), whether all source addresses
    fulfil `match_ipv4`, and whether all names fulfil `match_plain_names`.
    """
    aliases, columns = name_columns(batch)
    readings = map_canonical_columns(columns, batch) | read_verbatim_names(batch)
    asked = [name for name in ("query", "source_ip", *NAME_COLUMNS) if name in readings]
    if not asked:
        return None
    names = [name for name in NAME_COLUMNS if name in readings]
    queries = _DISTINCT_QUERIES if "query" in asked else "NULL"
    addresses = match_ipv4("source_ip") if "source_ip" in asked else "TRUE"
    plain = match_plain_names(names) if names else "TRUE"
    given = ", ".join(f"{readings[name]} AS {name}" for name in asked)
    return (
        f"SELECT {queries}, bool_and({addresses}), bool_and({plain}) FROM"
        f" (SELECT {given} FROM {relation.sql} AS native({', '.join(aliases)}))"
    )


def build_query_select(batch: Batch, relation: SegmentRelation) -> str | None:
    """The same row, FALSE for addresses and names, which are not looked at.

    None where the segment has no column for queries.
    """
    aliases, columns = name_columns(batch)
    query = map_canonical_columns(columns, batch).get("query")
    if query is None:
        return None
    return (
        f"SELECT {_DISTINCT_QUERIES}, FALSE, FALSE FROM"
        f" (SELECT {query} AS query FROM {relation.sql} AS native({', '.join(aliases)}))"
    )


def build_address_select(batch: Batch, relation: SegmentRelation) -> str | None:
    """SQL that gives the distinct keys of source addresses; None without a column for these."""
    aliases, columns = name_columns(batch)
    address = map_canonical_columns(columns, batch).get("source_ip")
    if address is None:
        return None
    rows = f"(SELECT {address} AS address FROM {relation.sql} AS native({', '.join(aliases)}))"
    keys = f"SELECT DISTINCT left(read_address_key, {KEY_LENGTH}) AS key"
    return f"{keys} FROM ({select_addresses(rows, 'address')}) WHERE read_address_key IS NOT NULL"
