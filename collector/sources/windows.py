"""Reads an object forward in time in closed windows `(start, end]`, each of them one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from collector.errors import QueryTooWide
from collector.model import Batch, Cursor, Stream
from collector.salesforce.soql import identifier, literal
from collector.segments import write_records
from collector.sources.contract import Context, batch_key

FIRST_WIDTH = timedelta(hours=6)
LEAST_WIDTH = timedelta(minutes=1)
GREATEST_WIDTH = timedelta(days=7)
PAGE = 2000
"""Salesforce serves at most this many records at a time; a window with fewer may grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windowed:
    """How an object is read.

    Attributes:
        name: the object; also the event type of its records.
        time_field: what windows are cut on.
        order: DESC for big objects, which refuse anything else.
        relations: fields of related records to ask for, such as `CreatedBy.Username`.
    """

    name: str
    time_field: str
    order: Literal["ASC", "DESC"]
    relations: tuple[str, ...] = ()


def fetch(
    context: Context,
    stream: Stream,
    cursor: Cursor | None,
    *,
    windowed: Windowed,
    overlap: timedelta,
    lookback: timedelta,
) -> Iterator[Batch]:
    """The windows from the cursor, or from `lookback` ago, up to the org's present.

    The first one begins `overlap` early, because rows become visible late; the archive drops what
    it has already.
    """
    columns = _columns(context, windowed)
    now = context.horizon()
    start = cursor.time - overlap if cursor else now - lookback
    width = FIRST_WIDTH
    while start < now:
        end = min(start + width, now)
        try:
            batch = _window(context, stream, windowed, columns, start=start, end=end)
        except QueryTooWide:
            if width <= LEAST_WIDTH:
                raise
            width = max(width / 2, LEAST_WIDTH)
            continue
        yield batch
        if batch.facts["rows"] < PAGE:
            width = min(width * 2, GREATEST_WIDTH)
        start = end


def _columns(context: Context, windowed: Windowed) -> tuple[str, ...]:
    described = context.catalog.describe(windowed.name)
    plain = [
        field.name for field in described if field.type not in ("base64", "address", "location")
    ]
    return (*plain, *windowed.relations)


def _window(
    context: Context,
    stream: Stream,
    windowed: Windowed,
    columns: Sequence[str],
    *,
    start: datetime,
    end: datetime,
) -> Batch:
    key = batch_key(context.org, stream.source, windowed.name, literal(start), literal(end))
    counted = _Counted(context.client.query(_soql(windowed, columns, start, end)))
    segments = write_records(context.spool, key, columns, counted)
    return Batch(
        key=key,
        stream=stream,
        event_type=windowed.name,
        nominal=end,
        received=context.client.now(),
        segments=segments.paths if counted.rows else (),
        columns=segments.columns,
        record_prefix=key,
        dedupe=True,
        cursor=Cursor(time=end),
        facts={"from": literal(start), "to": literal(end), "rows": counted.rows},
    )


def _soql(windowed: Windowed, columns: Sequence[str], start: datetime, end: datetime) -> str:
    field = identifier(windowed.time_field)
    return (
        f"SELECT {', '.join(map(identifier, columns))} FROM {identifier(windowed.name)}"
        f" WHERE {field} > {literal(start)} AND {field} <= {literal(end)}"
        f" ORDER BY {field} {windowed.order}"
    )


class _Counted:
    """The records of all pages, flat, counted as they pass."""

    def __init__(self, pages: Iterable[list[dict[str, Any]]]) -> None:
        self.rows = 0
        self._pages = pages

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for page in self._pages:
            for record in page:
                self.rows += 1
                yield _flat(record)


def _flat(record: Mapping[str, Any]) -> Mapping[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{inner}": deep for inner, deep in value.items()})
        else:
            flat[name] = value
    return flat
