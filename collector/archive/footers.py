"""Reads from the footers of files which batches they are of."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from collector.archive import file_origin, member_origins
from collector.archive.member_origins import CompactedOrigin
from collector.archive.parquet_sql import FileLocation
from collector.escaping import quote_literal
from collector.model import Batch

FileFooter = Batch | CompactedOrigin
"""The one batch of a file, or what a compacted file was made from."""


def read_footers(
    connection: duckdb.DuckDBPyConnection, locations: Sequence[FileLocation]
) -> dict[FileLocation, FileFooter]:
    """What the files say of themselves; those of earlier versions say nothing, and are left out.

    Raises:
        duckdb.Error: one of them cannot be read.
        ValueError: what one of them says is nothing that we wrote.
    """
    names = ", ".join(map(quote_literal, locations))
    keys = ", ".join(map(quote_literal, (file_origin.METADATA_KEY, member_origins.METADATA_KEY)))
    rows = connection.execute(
        "SELECT file_name, decode(key), decode(value)"
        f" FROM parquet_kv_metadata([{names}]) WHERE decode(key) IN ({keys})"
    ).fetchall()
    return {FileLocation(name): _parse_footer(key, value) for name, key, value in rows}


def _parse_footer(key: str, value: str) -> FileFooter:
    if key == member_origins.METADATA_KEY:
        return member_origins.parse_metadata(value)
    return file_origin.parse_origin(value)
