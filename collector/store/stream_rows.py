"""A stream as the columns `org`, `source` and `stream`, the same in every table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from collector.model import Stream


def build_stream_row(stream: Stream) -> dict[str, str]:
    """The three columns of a stream."""
    return {"org": stream.org, "source": stream.source, "stream": stream.label}


def parse_stream_row(row: sa.Row[Any]) -> Stream:
    """The stream that a row belongs to."""
    return Stream.parse_label(org=row.org, source=row.source, label=row.stream)


def match_stream(table: sa.Table, stream: Stream) -> list[sa.ColumnElement[bool]]:
    """The conditions that pick the rows of a stream."""
    return [table.c[name] == value for name, value in build_stream_row(stream).items()]
