"""Up to when an org's streams were read that may bring some event types.

What is waited for cannot come any more once every such stream was read further: a query stream up
to its cursor, log files up to the end of the hour or day of the newest one. Where no newer file is
made, all is known that is older than a file may come late, once the org has listed its files.

A stream that the org does not give, or that the configuration leaves out, holds nothing back. One
that fails does, for `PATIENCE`: then it is told without, and said up to when it was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector import clock
from collector.model import BatchState, PollState, Stream, StreamPurpose
from collector.normalize import find_family
from collector.settings import SourceSettings, SourcesSettings
from collector.settings.values import matches_any
from collector.sources import SOURCES, SourceSpec
from collector.sources.log_file import KIND as LOG_FILES
from collector.sources.spec import SuppliedTypes
from collector.store import ledger, stream_coverage, tables
from collector.store.awaited_absences import AbsenceHorizon
from collector.store.ledger import PollStatus
from collector.store.listed_files import LATEST_SUPPLEMENT
from collector.store.stream_rows import match_stream

PATIENCE = timedelta(hours=24)
"""So long after its time a failing stream is waited for, by our clock."""

_LOG_FILE_SPANS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProgress:
    """Up to when a stream was read, and whether it has failed for so long that nobody waits."""

    stream: Stream
    until: datetime
    is_given_up: bool = False

    def find_horizon(self, now: datetime) -> datetime:
        """Up to when what it may bring is taken for known."""
        return max(self.until, now - PATIENCE) if self.is_given_up else self.until


def find_reading_horizon(
    connection: sa.Connection,
    org: str,
    event_types: Collection[str],
    settings: SourcesSettings,
    *,
    now: datetime,
) -> AbsenceHorizon:
    """Up to when all is read of some stored types, of every type where none is named."""
    streams = list(_list_progress(connection, org, event_types, settings, now))
    until = min((each.find_horizon(now) for each in streams), default=now)
    return AbsenceHorizon(
        until=min(until, now),
        unread={_name_stream(each.stream): each.until for each in streams if each.until < until},
    )


def _name_stream(stream: Stream) -> str:
    return f"{stream.source}/{stream.label}"


def _list_progress(
    connection: sa.Connection,
    org: str,
    event_types: Collection[str],
    settings: SourcesSettings,
    now: datetime,
) -> Iterator[StreamProgress]:
    polls: dict[str, list[PollStatus]] = {}
    for poll in ledger.list_poll_statuses(connection, org=org):
        polls.setdefault(poll.stream.source, []).append(poll)
    for spec, types in _select_sources(event_types, settings):
        if spec.kind not in polls:
            yield StreamProgress(
                stream=Stream(org=org, source=spec.kind, name="*"), until=clock.EPOCH
            )
        for poll in polls.get(spec.kind, []):
            is_unavailable = poll.state == PollState.UNAVAILABLE
            if not is_unavailable and _may_bring(poll.stream, spec, types):
                yield StreamProgress(
                    stream=poll.stream,
                    until=_find_read_time(connection, poll.stream, types, now),
                    is_given_up=_is_given_up(poll, now),
                )


def _select_sources(
    event_types: Collection[str], settings: SourcesSettings
) -> Iterator[tuple[SourceSpec[SourceSettings], frozenset[str]]]:
    """The sources that are to be read for events of these types; which of them each may bring."""
    for spec in SOURCES:
        own = spec.find_settings(settings)
        if own is None or spec.event_types == SuppliedTypes():
            continue
        patterns = own.list_type_patterns().values()
        types = frozenset(
            name
            for name in event_types
            if _supplies(spec, name) and all(matches_any(name, each) for each in patterns)
        )
        if types or not event_types:
            yield spec, types


def _supplies(spec: SourceSpec[SourceSettings], event_type: str) -> bool:
    family = find_family(event_type)
    return event_type in spec.event_types.names or (
        family is not None and family is spec.event_types.family
    )


def _may_bring(stream: Stream, spec: SourceSpec[SourceSettings], types: Collection[str]) -> bool:
    """Whether a stream may bring events of these types, of any where none is named."""
    if not types or stream.name == "*" or not spec.event_types.have_own_streams:
        return True
    return stream.name in types


def _is_given_up(poll: PollStatus, now: datetime) -> bool:
    """Whether a stream has failed for long, and was asked again all the time."""
    is_failing = poll.state in {PollState.FAILED, PollState.PAUSED}
    return is_failing and poll.since <= now - PATIENCE <= poll.last_attempt


def _find_read_time(
    connection: sa.Connection, stream: Stream, types: Collection[str], now: datetime
) -> datetime:
    if stream.source == LOG_FILES:
        return _find_log_file_time(connection, stream, types, now)
    cursor = ledger.read_cursor(connection, stream)
    return clock.EPOCH if cursor is None else cursor.time


def _find_log_file_time(
    connection: sa.Connection, stream: Stream, types: Collection[str], now: datetime
) -> datetime:
    newest = ledger.find_newest_log_time(connection, stream, now=now)
    span = _LOG_FILE_SPANS.get(stream.name, timedelta())
    listing = stream_coverage.list_spans(connection, replace(stream, purpose=StreamPurpose.LISTING))
    times = [] if newest is None else [newest + span]
    times += [each.until - LATEST_SUPPLEMENT for each in listing[-1:]]
    known = max(times, default=clock.EPOCH)
    pending = _find_oldest_pending(connection, stream, types)
    return known if pending is None else min(known, pending)


def _find_oldest_pending(
    connection: sa.Connection, stream: Stream, types: Collection[str]
) -> datetime | None:
    """The log time of the oldest file that was listed and is not, or not wholly, taken in."""
    table, batches = tables.listed_files, tables.batches
    query = (
        sa.select(sa.func.min(table.c.nominal, type_=tables.MicrosecondTime()))
        .outerjoin(batches, batches.c.key == table.c.key)
        .where(
            *match_stream(table, stream),
            sa.or_(batches.c.key.is_(None), batches.c.state == BatchState.PENDING),
        )
    )
    if types:
        query = query.where(table.c.event_type.in_(sorted(types)))
    oldest: datetime | None = connection.scalar(query)
    return oldest
