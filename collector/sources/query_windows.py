"""Reads an object forward in time in closed windows `(start, end]`, each of them one batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from collector import clock
from collector.csv_segments import write_records
from collector.errors import AnswerTooLongError, NotAvailableError, QueryTooWideError
from collector.model import Batch, Cursor, Stream, WindowFacts
from collector.salesforce.soql import check_identifier, render_literal
from collector.settings import SourceSettings
from collector.settings.values import Duration
from collector.sources.contract import (
    FetchResult,
    LostBatch,
    SourceContext,
    build_batch_key,
    resolve_present_time,
)

INITIAL_WIDTH = timedelta(hours=6)
MIN_WIDTH = timedelta(seconds=1)
MIN_LONG_WIDTH = timedelta(milliseconds=1)
"""How narrow a window becomes where the answer is too long for our memory; SOQL knows no less."""

MAX_WIDTH = timedelta(days=7)
PAGE_SIZE = 2000
"""Salesforce serves at most this many records at a time, and big objects may have no second page:
exactly so many and no more is taken for a cut, and asked for again in narrower windows."""


class WindowSettings(SourceSettings):
    """The settings of what is read so; `overlap` is how far a poll looks back for latecomers."""

    overlap: Duration = timedelta(minutes=10)
    lookback: Duration = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuery:
    """How an object is read.

    Attributes:
        name: the object; also the event type of its records.
        time_field: what windows are cut on.
        order: DESC for big objects, which refuse anything else.
        related_fields: fields of related records to ask for, such as `CreatedBy.Username`.
    """

    name: str
    time_field: str
    order: Literal["ASC", "DESC"]
    related_fields: tuple[str, ...] = ()


def fetch_windows(
    context: SourceContext,
    stream: Stream,
    cursor: Cursor | None,
    *,
    window_query: WindowQuery,
    settings: WindowSettings,
) -> Iterator[FetchResult]:
    """The windows from the cursor, or from `lookback` ago, up to the org's present.

    After a cursor the first one begins `overlap` early, because rows become visible late; the
    archive drops what it has already.
    """
    columns = _list_columns(context, window_query)
    horizon = context.compute_horizon(resolve_present_time(context, cursor))
    start = cursor.time - settings.overlap if cursor else horizon - settings.lookback
    width, narrow_until = INITIAL_WIDTH, start
    while start < horizon:
        end = min(start + width, horizon)
        try:
            batch, facts = _fetch_window(
                context, stream, window_query, columns, start=start, end=end
            )
        except AnswerTooLongError as error:
            # The smallest pages that there are were too long: less time is all that can help.
            narrow_until = max(narrow_until, end)
            if end - start <= MIN_LONG_WIDTH:
                yield from _report_unreadable_window(context, stream, end, cursor, error)
                start = end
            width = max((end - start) / 2, MIN_LONG_WIDTH)
            continue
        except QueryTooWideError:
            if end - start <= MIN_WIDTH:
                raise
            width = max((end - start) / 2, MIN_WIDTH)
            continue
        # Where our clock has been set ahead, the answer has told: nobody has seen the future.
        horizon = min(horizon, context.client.estimate_org_time())
        if facts.is_truncated:
            yield from _find_missing_records(context, batch)
        yield _set_cursor(batch, min(end, horizon), cursor)
        if facts.rows < PAGE_SIZE // 2 and end >= narrow_until:
            width = min(width * 2, MAX_WIDTH)
        start = end


def _list_columns(context: SourceContext, window_query: WindowQuery) -> tuple[str, ...]:
    names = []
    for field in context.catalog.describe_object(window_query.name):
        if field.type not in ("base64", "address", "location"):
            with suppress(ValueError):  # What is no name cannot be asked for.
                names.append(check_identifier(field.name))
    return (*names, *window_query.related_fields)


def _fetch_window(
    context: SourceContext,
    stream: Stream,
    window_query: WindowQuery,
    columns: Sequence[str],
    *,
    start: datetime,
    end: datetime,
) -> tuple[Batch, WindowFacts]:
    """One window. Raises QueryTooWideError also when there may be more than the org has served."""
    key = _build_window_key(context, stream, window_query, start, end)
    records = _RecordCounter(context.client.query(_build_soql(window_query, columns, start, end)))
    try:
        segments = write_records(context.spool, key, columns, records)
    except NotAvailableError:
        context.catalog.forget_object(window_query.name)
        raise
    is_too_wide = records.is_truncated and end - start > MIN_WIDTH
    if is_too_wide or not records.row_count:
        for path in segments.paths:
            path.unlink()
    if is_too_wide:
        raise QueryTooWideError(f"{stream}: the answer ends at {PAGE_SIZE:,} records")
    facts = WindowFacts(
        start=clock.floor_to_milliseconds(start),
        until=clock.floor_to_milliseconds(end),
        rows=records.row_count,
        is_truncated=records.is_truncated,
    )
    batch = Batch(
        key=key,
        stream=stream,
        event_type=window_query.name,
        log_time=end,
        received=context.client.estimate_org_time(),
        segments=segments.paths if records.row_count else (),
        columns=segments.columns,
        record_prefix=key,
        dedupe=True,
        cursor=None,
        facts=facts,
    )
    return batch, facts


def _build_window_key(
    context: SourceContext,
    stream: Stream,
    window_query: WindowQuery,
    start: datetime,
    end: datetime,
) -> str:
    """The window's key; another one if it is read again, for what has become visible since."""
    key = build_batch_key(
        context.org, stream.source, window_query.name, render_literal(start), render_literal(end)
    )
    if key not in context.find_stored_keys([key]):
        return key
    return build_batch_key(key, render_literal(context.client.estimate_org_time()))


def _build_soql(
    window_query: WindowQuery, columns: Sequence[str], start: datetime, end: datetime
) -> str:
    field = check_identifier(window_query.time_field)
    names = ", ".join(map(check_identifier, columns))
    return (
        f"SELECT {names} FROM {check_identifier(window_query.name)}"
        f" WHERE {field} > {render_literal(start)} AND {field} <= {render_literal(end)}"
        f" ORDER BY {field} {window_query.order}"
    )


def _find_missing_records(context: SourceContext, batch: Batch) -> Iterator[LostBatch]:
    """The loss of records that an answer to the narrowest window left out, once for each second."""
    second = batch.log_time.replace(microsecond=0)
    key = build_batch_key(
        context.org, batch.stream.source, batch.event_type, "rest", render_literal(second)
    )
    if key not in context.find_stored_keys([key]):
        yield LostBatch(
            batch=replace(batch, key=key, segments=()),
            reason=(
                f"at {second:%Y-%m-%d %H:%M:%S}Z {batch.event_type} has {PAGE_SIZE:,} or more"
                " records a second, and the org serves no second page of them: the rest cannot be"
                " read"
            ),
        )


def _report_unreadable_window(
    context: SourceContext,
    stream: Stream,
    end: datetime,
    cursor: Cursor | None,
    error: AnswerTooLongError,
) -> Iterator[LostBatch]:
    """The loss of a window that is as narrow as can be, once; what comes after it is read."""
    moment = render_literal(end)
    key = build_batch_key(context.org, stream.source, stream.name, "long", moment)
    if key in context.find_stored_keys([key]):
        return
    batch = Batch(
        key=key,
        stream=stream,
        event_type=stream.name,
        log_time=end,
        received=context.client.estimate_org_time(),
        segments=(),
        columns=(),
        record_prefix="",
        dedupe=True,
        cursor=None,
        facts=WindowFacts(
            start=clock.floor_to_milliseconds(end - MIN_LONG_WIDTH),
            until=clock.floor_to_milliseconds(end),
            rows=0,
            is_truncated=True,
        ),
    )
    yield LostBatch(
        batch=_set_cursor(batch, end, cursor),
        reason=f"the records of {stream.name} at {moment} cannot be read: {error}",
    )


def _set_cursor(batch: Batch, end: datetime, cursor: Cursor | None) -> Batch:
    """The batch with the cursor at the end of its window; within the overlap it stays."""
    return replace(batch, cursor=Cursor(time=max(end, cursor.time) if cursor else end))


class _RecordCounter:
    """The records of all pages, flat, counted as they pass."""

    def __init__(self, pages: Iterable[Collection[Mapping[str, Any]]]) -> None:
        self.row_count = 0
        self._pages = pages
        self._page_count = 0

    @property
    def is_truncated(self) -> bool:
        """Whether they fill one page to the last place, and no other page came."""
        return self._page_count == 1 and self.row_count == PAGE_SIZE

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for page in self._pages:
            self._page_count += 1
            for record in page:
                self.row_count += 1
                yield _flatten_record(record)


def _flatten_record(record: Mapping[str, Any]) -> Mapping[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{inner}": inner_value for inner, inner_value in value.items()})
        else:
            flat[name] = value
    return flat
