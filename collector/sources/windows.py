"""Reads an object forward in time in closed windows `(start, end]`, each of them one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from collector.errors import NotAvailable, QueryTooWide
from collector.model import Batch, Cursor, Stream
from collector.salesforce.soql import identifier, literal
from collector.segments import write_records
from collector.sources.contract import Context, Fetched, Gone, batch_key, present

FIRST_WIDTH = timedelta(hours=6)
LEAST_WIDTH = timedelta(seconds=1)
GREATEST_WIDTH = timedelta(days=7)
PAGE = 2000
"""Salesforce serves at most this many records at a time, and big objects may have no second page:
exactly so many and no more is taken for a cut, and asked for again in narrower windows."""


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
) -> Iterator[Fetched]:
    """The windows from the cursor, or from `lookback` ago, up to the org's present.

    The first one begins `overlap` early, because rows become visible late; the archive drops what
    it has already.
    """
    columns = _columns(context, windowed)
    horizon = context.horizon(present(context, cursor))
    start = cursor.time - overlap if cursor else horizon - lookback
    width = FIRST_WIDTH
    while start < horizon:
        end = min(start + width, horizon)
        try:
            batch = _window(context, stream, windowed, columns, start=start, end=end)
        except QueryTooWide:
            if end - start <= LEAST_WIDTH:
                raise
            width = max((end - start) / 2, LEAST_WIDTH)
            continue
        # Where our clock has been set ahead, the answer has told: nobody has seen the future.
        horizon = min(horizon, context.client.now())
        yield from _missing(context, batch)
        yield _reaching(batch, min(end, horizon), cursor)
        if batch.facts["rows"] < PAGE // 2:
            width = min(width * 2, GREATEST_WIDTH)
        start = end


def _columns(context: Context, windowed: Windowed) -> tuple[str, ...]:
    plain = []
    for field in context.catalog.describe(windowed.name):
        if field.type not in ("base64", "address", "location"):
            with suppress(ValueError):  # What is no name cannot be asked for.
                plain.append(identifier(field.name))
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
    """One window. Raises QueryTooWide also when more may be in it than the org has served."""
    key = _key(context, stream, windowed, start, end)
    records = _Counted(context.client.query(_soql(windowed, columns, start, end)))
    try:
        segments = write_records(context.spool, key, columns, records)
    except NotAvailable:
        context.catalog.forget(windowed.name)
        raise
    narrower = records.are_cut and end - start > LEAST_WIDTH
    if narrower or not records.rows:
        for path in segments.paths:
            path.unlink()
    if narrower:
        raise QueryTooWide(f"{stream}: the answer ends at {PAGE:,} records")
    return Batch(
        key=key,
        stream=stream,
        event_type=windowed.name,
        nominal=end,
        received=context.client.now(),
        segments=segments.paths if records.rows else (),
        columns=segments.columns,
        record_prefix=key,
        dedupe=True,
        cursor=None,
        facts={
            "from": literal(start),
            "to": literal(end),
            "rows": records.rows,
            "cut": records.are_cut,
        },
    )


def _key(
    context: Context, stream: Stream, windowed: Windowed, start: datetime, end: datetime
) -> str:
    """The window's key; another one if it is read again, for what has become visible since."""
    key = batch_key(context.org, stream.source, windowed.name, literal(start), literal(end))
    if key not in context.known([key]):
        return key
    return batch_key(key, literal(context.client.now()))


def _soql(windowed: Windowed, columns: Sequence[str], start: datetime, end: datetime) -> str:
    field = identifier(windowed.time_field)
    return (
        f"SELECT {', '.join(map(identifier, columns))} FROM {identifier(windowed.name)}"
        f" WHERE {field} > {literal(start)} AND {field} <= {literal(end)}"
        f" ORDER BY {field} {windowed.order}"
    )


def _missing(context: Context, batch: Batch) -> Iterator[Gone]:
    """What the narrowest window does not hold because its answer was cut; told once a second."""
    second = batch.nominal.replace(microsecond=0)
    key = batch_key(context.org, batch.stream.source, batch.event_type, "rest", literal(second))
    if batch.facts["cut"] and key not in context.known([key]):
        yield Gone(
            batch=replace(batch, key=key, segments=()),
            reason=(
                f"at {second:%Y-%m-%d %H:%M:%S}Z {batch.event_type} has {PAGE:,} or more records a"
                " second, and the org serves no second page of them: the rest cannot be read"
            ),
        )


def _reaching(batch: Batch, end: datetime, cursor: Cursor | None) -> Batch:
    """The batch with the cursor at the end of its window; within the overlap it stays."""
    return replace(batch, cursor=Cursor(time=max(end, cursor.time) if cursor else end))


class _Counted:
    """The records of all pages, flat, counted as they pass."""

    def __init__(self, pages: Iterable[list[dict[str, Any]]]) -> None:
        self.rows = 0
        self._pages = pages
        self._turned = 0

    @property
    def are_cut(self) -> bool:
        """Whether they fill one page to the last place, and no other page came."""
        return self._turned == 1 and self.rows == PAGE

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for page in self._pages:
            self._turned += 1
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
