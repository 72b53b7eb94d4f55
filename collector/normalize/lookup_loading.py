"""Learns of the values in a segment what makes it quick to read; each distinct one is read once."""

from __future__ import annotations

import duckdb

from collector.geoip import NO_PLACES, PlaceDatabases
from collector.model import Batch
from collector.normalize.address_places import load_places
from collector.normalize.query_outlines import load_outlines
from collector.normalize.segment_lookups import SegmentLookups
from collector.normalize.segment_select import SegmentRelation
from collector.normalize.segment_values import (
    build_address_select,
    build_query_select,
    build_value_select,
)

SMALL_SEGMENT_BYTES = 1 << 20
"""To plan what reads any address and name takes longer than to read so much of them twice."""


def load_lookups(
    connection: duckdb.DuckDBPyConnection,
    batch: Batch,
    relation: SegmentRelation,
    databases: PlaceDatabases = NO_PLACES,
) -> SegmentLookups:
    """Look at the values of a segment; make its tables in place of those of the one before.

    `databases` say where its addresses are.

    Raises duckdb.Error where the segment cannot be read.
    """
    keys = build_address_select(batch, relation) if databases.is_configured else None
    if keys is not None:
        load_places(connection, keys, databases)
    is_small = relation.size <= SMALL_SEGMENT_BYTES
    build_select = build_value_select if is_small else build_query_select
    select = build_select(batch, relation)
    row = connection.execute(select).fetchone() if select else None
    queries, has_ipv4_addresses, has_plain_names = row or (None, False, False)
    if queries:
        load_outlines(connection, queries)
    return SegmentLookups(
        has_outlines=bool(queries),
        has_places=keys is not None,
        has_ipv4_addresses=has_ipv4_addresses is not False,
        has_plain_names=has_plain_names is not False,
    )
