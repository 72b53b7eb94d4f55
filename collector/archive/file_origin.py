"""What a file of events carries in its footer: the batch that it is a part of.

With it a ledger can be built from the files alone, should the state be lost.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from collector.escaping import quote_literal
from collector.model import Batch, Cursor, Stream, parse_facts, render_facts

METADATA_KEY = "collector.batch"
"""The key of the Parquet footer."""


def render_metadata(batch: Batch) -> str:
    """The option of COPY that writes the batch into the footer."""
    return f"KV_METADATA {{{quote_literal(METADATA_KEY)}: {quote_literal(render_origin(batch))}}}"


def describe_batch(batch: Batch) -> dict[str, Any]:
    """The batch as a JSON object, without what it is made of and where its stream then stands."""
    return {
        "key": batch.key,
        "org": batch.stream.org,
        "source": batch.stream.source,
        "stream": batch.stream.label,
        "event_type": batch.event_type,
        "nominal": batch.log_time.isoformat(),
        "received": batch.received.isoformat(),
        "record_prefix": batch.record_prefix,
        "dedupe": batch.dedupe,
        "facts": render_facts(batch.facts),
    }


def restore_batch(document: dict[str, Any]) -> Batch:
    """The batch of such an object, without segments, columns and cursor."""
    return Batch(
        key=document["key"],
        stream=Stream.parse_label(
            org=document["org"], source=document["source"], label=document["stream"]
        ),
        event_type=document["event_type"],
        log_time=datetime.fromisoformat(document["nominal"]),
        received=datetime.fromisoformat(document["received"]),
        segments=(),
        columns=(),
        record_prefix=document["record_prefix"],
        dedupe=document["dedupe"],
        cursor=None,
        facts=parse_facts(document["facts"]),
    )


def render_origin(batch: Batch) -> str:
    """The batch as JSON, without its segments and what it says of objects of the org."""
    cursor = batch.cursor
    return json.dumps(
        {
            **describe_batch(batch),
            "cursor": None if cursor is None else [cursor.time.isoformat(), cursor.tiebreaker],
        }
    )


def parse_origin(text: str) -> Batch:
    """The batch, without segments and columns. Raises ValueError for what is no such JSON."""
    try:
        document = json.loads(text)
        return replace(restore_batch(document), cursor=_parse_cursor(document["cursor"]))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it names no batch: {error!r:.100}") from None


def _parse_cursor(value: list[str] | None) -> Cursor | None:
    if value is None:
        return None
    return Cursor(time=datetime.fromisoformat(value[0]), tiebreaker=value[1])
