"""Reads an object forward in time in closed windows `(start, end]`, each of them one batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from collector import clock
from collector.csv_segments import write_records
from collector.errors import (
    AnswerTooLongError,
    BudgetExhaustedError,
    EndlessAnswerError,
    NotAvailableError,
    QueryTooWideError,
    TurnOverError,
)
from collector.model import Batch, Cursor, Stream, WindowFacts
from collector.salesforce.page_watch import check_next_page
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
from collector.sources.flat_records import PAGE_SIZE, FlatRecords
from collector.sources.query_window import QueryWindow, WindowQuery, assign_window_calls
from collector.sources.window_batch import RecordPages
from collector.sources.window_widths import WindowWidths

MIN_WIDTH = timedelta(seconds=1)
MIN_LONG_WIDTH = timedelta(milliseconds=1)
"""How narrow a window becomes where the answer is too long for our memory; SOQL knows no less."""

MAX_WIDTH = timedelta(days=7)
ENDLESS_DIVISOR = 16
"""So many times narrower is the window after one whose pages had no end: each costs many calls."""


class WindowSettings(SourceSettings):
    """The settings of what is read so; `overlap` is how far a poll looks back for latecomers."""

    overlap: Duration = timedelta(minutes=10)
    lookback: Duration = timedelta(hours=24)


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
    window = plan_window(context, stream, cursor, window_query=window_query, settings=settings)
    yield from fetch_window_sequence(context, window, cursor)


def plan_window(
    context: SourceContext,
    stream: Stream,
    cursor: Cursor | None,
    *,
    window_query: WindowQuery,
    settings: WindowSettings,
) -> QueryWindow:
    """The first window that `fetch_windows` reads; it is empty where nothing is to be read."""
    columns = _list_columns(context, window_query)
    horizon = context.compute_horizon(resolve_present_time(context, cursor))
    start = cursor.time - settings.overlap if cursor else horizon - settings.lookback
    return QueryWindow(
        stream=stream,
        query=window_query,
        columns=columns,
        start=start,
        end=min(start + context.window_widths.find_width(stream), horizon),
        horizon=horizon,
    )


def fetch_window_sequence(
    context: SourceContext,
    first: QueryWindow,
    cursor: Cursor | None,
    *,
    first_pages: RecordPages | None = None,
) -> Iterator[FetchResult]:
    """The first window and those that follow it up to its horizon.

    `first_pages` are the first window's records, if somebody has asked for them already.
    """
    start, horizon, pages = first.start, first.horizon, first_pages
    widths, narrow_until = context.window_widths, first.start
    width = widths.find_width(first.stream)
    while start < horizon:
        window = replace(first, start=start, end=min(start + width, horizon))
        try:
            with assign_window_calls(window):
                batch, facts = _fetch_window(context, window, pages)
        except AnswerTooLongError as error:
            # The smallest pages that there are were too long: less time is all that can help. What
            # lies behind the last such window is likely short: there the width grows again.
            pages, narrow_until = None, window.end
            if window.end - start <= MIN_LONG_WIDTH:
                yield from _report_unreadable_window(context, window, cursor, error)
                start = window.end
            width = max((window.end - start) / 2, MIN_LONG_WIDTH)
            _check_narrower_window(widths, window.stream, width)
            continue
        except QueryTooWideError as error:
            divisor = ENDLESS_DIVISOR if isinstance(error, EndlessAnswerError) else 2
            pages, width = None, max((window.end - start) / divisor, MIN_WIDTH)
            if window.end - start <= MIN_WIDTH:
                widths.narrow(window.stream, width)
                raise
            _check_narrower_window(widths, window.stream, width)
            continue
        except (TurnOverError, BudgetExhaustedError):
            widths.narrow(window.stream, max((window.end - start) / ENDLESS_DIVISOR, MIN_WIDTH))
            raise
        # Where our clock has been set ahead, the answer has told: nobody has seen the future.
        horizon, pages = min(horizon, context.client.estimate_org_time()), None
        if facts.is_truncated:
            yield from _find_missing_records(context, batch)
        yield _set_cursor(batch, min(window.end, horizon), cursor)
        if facts.rows < PAGE_SIZE // 2 and window.end >= narrow_until:
            width = min(width * 2, MAX_WIDTH)
        start = window.end
        if start < horizon:
            check_next_page()
    widths.widen(first.stream, width)


def _check_narrower_window(widths: WindowWidths, stream: Stream, width: timedelta) -> None:
    """Raises what forbids to ask for a narrower window now; the next poll begins with it then."""
    try:
        check_next_page()
    except (TurnOverError, BudgetExhaustedError):
        widths.narrow(stream, max(width, MIN_WIDTH))
        raise


def _list_columns(context: SourceContext, window_query: WindowQuery) -> tuple[str, ...]:
    names = []
    for field in context.catalog.describe_object(window_query.name):
        if field.type not in ("base64", "address", "location"):
            with suppress(ValueError):  # What is no name cannot be asked for.
                names.append(check_identifier(field.name))
    return (*names, *window_query.related_fields)


def _fetch_window(
    context: SourceContext, window: QueryWindow, pages: RecordPages | None
) -> tuple[Batch, WindowFacts]:
    """One window. Raises QueryTooWideError also when there may be more than the org has served."""
    key = _build_window_key(context, window)
    records = FlatRecords(context.client.query(window.build_soql()) if pages is None else pages)
    try:
        segments = write_records(context.spool, key, window.columns, records)
    except NotAvailableError:
        context.catalog.forget_object(window.query.name)
        raise
    is_too_wide = records.is_truncated and window.end - window.start > MIN_WIDTH
    if is_too_wide or not records.row_count:
        for path in segments.paths:
            path.unlink()
    if is_too_wide:
        raise QueryTooWideError(f"{window.stream}: the answer ends at {PAGE_SIZE:,} records")
    facts = WindowFacts(
        start=clock.floor_to_milliseconds(window.start),
        until=clock.floor_to_milliseconds(window.end),
        rows=records.row_count,
        is_truncated=records.is_truncated,
    )
    batch = Batch(
        key=key,
        stream=window.stream,
        event_type=window.query.name,
        log_time=window.end,
        received=context.client.estimate_org_time(),
        segments=segments.paths if records.row_count else (),
        columns=segments.columns,
        record_prefix=key,
        dedupe=True,
        cursor=None,
        facts=facts,
    )
    return batch, facts


def _build_window_key(context: SourceContext, window: QueryWindow) -> str:
    """The window's key; another one if it is read again, for what has become visible since."""
    key = build_batch_key(
        context.org,
        window.stream.source,
        window.query.name,
        render_literal(window.start),
        render_literal(window.end),
    )
    if key not in context.find_stored_keys([key]):
        return key
    return build_batch_key(key, render_literal(context.client.estimate_org_time()))


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
    context: SourceContext, window: QueryWindow, cursor: Cursor | None, error: AnswerTooLongError
) -> Iterator[LostBatch]:
    """The loss of a window that is as narrow as can be, once; what comes after it is read."""
    name, moment = window.query.name, render_literal(window.end)
    key = build_batch_key(context.org, window.stream.source, name, "long", moment)
    if key in context.find_stored_keys([key]):
        return
    batch = Batch(
        key=key,
        stream=window.stream,
        event_type=name,
        log_time=window.end,
        received=context.client.estimate_org_time(),
        segments=(),
        columns=(),
        record_prefix="",
        dedupe=True,
        cursor=None,
        facts=WindowFacts(
            start=clock.floor_to_milliseconds(window.start),
            until=clock.floor_to_milliseconds(window.end),
            rows=0,
            is_truncated=True,
        ),
    )
    yield LostBatch(
        batch=_set_cursor(batch, window.end, cursor),
        reason=f"the records of {name} at {moment} cannot be read: {error}",
    )


def _set_cursor(batch: Batch, end: datetime, cursor: Cursor | None) -> Batch:
    """The batch with the cursor at the end of its window; within the overlap it stays."""
    return replace(batch, cursor=Cursor(time=max(end, cursor.time) if cursor else end))
