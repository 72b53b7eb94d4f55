"""How a kind of entry is read: at first and once a period all of it, between that what has changed.

A pass goes through all ids in their order, span by span, and goes on where it was left. A span says
what is new in it and, by what it lacks, what is gone. Progress is made with each span's batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from collector import clock
from collector.errors import SalesforceError
from collector.model import (
    Batch,
    Cursor,
    DirectoryPage,
    EntryReading,
    EntrySweep,
    EntryValues,
    ObservationFacts,
    Stream,
)
from collector.salesforce.page_watch import check_next_page
from collector.salesforce.soql import render_literal
from collector.sources.contract import (
    CLOCK_TOLERANCE,
    SourceContext,
    build_batch_key,
    resolve_present_time,
)
from collector.sources.directory_columns import EntryColumn

OVERLAP = timedelta(minutes=10)
"""How far each question for changes reaches back: records become visible after their stamp."""

SPAN_SIZE = 2_000
"""How many records are read at a time: as many as one answer of Salesforce has."""

MAX_CHANGED = 1_000
"""With more changed entries than this a pass through all is cheaper than asking for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySpan:
    """The entries with the ids that follow one another; `until` is empty where none follow."""

    readings: tuple[EntryReading, ...]
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryScope:
    """Whose absence means that it is gone: entries of a kind, with these values."""

    kind: str
    having: EntryValues = field(default_factory=dict)


class EntryReader(Protocol):
    """Reads the entries of one object; `changed` of a reading is when its record did last."""

    @property
    def scope(self) -> EntryScope | None:
        """What a pass reads all of; None where what it lacks may still be there."""

    def find_changed(self, context: SourceContext, since: datetime) -> Sequence[str] | None:
        """The ids of what has changed since; None where they are too many.

        Raises CollectorError.
        """

    def read_entries(self, context: SourceContext, ids: Sequence[str]) -> Sequence[EntryReading]:
        """The entries with these ids, at most MAX_CHANGED. Raises CollectorError."""

    def read_span(self, context: SourceContext, after: str) -> EntrySpan:
        """The next SPAN_SIZE entries after an id. Raises CollectorError."""

    def list_hidden(self, context: SourceContext) -> Sequence[EntryColumn]:
        """What the org does not show of the entries. Raises CollectorError."""


def fetch_entries(
    context: SourceContext,
    stream: Stream,
    cursor: Cursor | None,
    *,
    reader: EntryReader,
    reread: timedelta,
) -> Iterator[Batch]:
    """What has changed since the cursor, then all of it if the last pass began `reread` ago."""
    now = resolve_present_time(context, cursor)
    progress = PassProgress.parse(context.read_state(stream.source).get(stream.name, {}))
    since = cursor.time - OVERLAP if cursor else None
    changed = reader.find_changed(context, since) if since else ()
    progress = progress.prepare(now, since, is_wanted=changed is None, reread=reread)
    if since is not None:
        readings = reader.read_entries(context, changed) if changed else ()
        page = DirectoryPage(read=now, readings=_settle_changes(readings, since))
        yield _build_batch(context, stream, page, progress, now)
    while progress.started is not None:
        check_next_page()
        span = reader.read_span(context, progress.after)
        if span.until and span.until <= progress.after:
            raise SalesforceError(f"{stream}: the org does not list the ids in their order")
        page = DirectoryPage(
            read=context.client.estimate_org_time(),
            readings=_settle_changes(span.readings, progress.since),
            sweep=_build_sweep(reader.scope, span, progress.after),
        )
        progress = progress.advance(span.until)
        yield _build_batch(context, stream, page, progress, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassProgress:
    """How far the passes through all entries are.

    Attributes:
        finished: when the last one that is over began.
        started: when the one began that is under way.
        since: up to when changes had been read then.
        after: the last id that it has read.
        is_wanted: whether another one must follow, however soon.
    """

    finished: datetime | None = None
    started: datetime | None = None
    since: datetime | None = None
    after: str = ""
    is_wanted: bool = False

    @classmethod
    def parse(cls, state: Mapping[str, Any]) -> PassProgress:
        """The progress that `render` has written; none for what cannot be read."""
        try:
            times = {
                name: datetime.fromisoformat(state[name]).astimezone(UTC)
                for name in ("finished", "started", "since")
                if state.get(name)
            }
        except (TypeError, ValueError):
            return cls()
        after = str(state.get("after", ""))
        return cls(**times, after=after, is_wanted=state.get("wanted") is True)

    def render(self) -> dict[str, Any]:
        """The progress as JSON."""
        times = {"finished": self.finished, "started": self.started, "since": self.since}
        return {
            **{name: time.isoformat() for name, time in times.items() if time is not None},
            "after": self.after,
            "wanted": self.is_wanted,
        }

    def prepare(
        self, now: datetime, since: datetime | None, *, is_wanted: bool, reread: timedelta
    ) -> PassProgress:
        """With a pass that begins now, if one is wanted or due and none is under way."""
        if self.started is not None:
            return replace(self, is_wanted=self.is_wanted or is_wanted)
        if not (self._is_due(now, reread) or is_wanted or self.is_wanted):
            return self
        return PassProgress(finished=self.finished, started=now, since=since)

    def _is_due(self, now: datetime, reread: timedelta) -> bool:
        if self.finished is None or not reread:
            return True
        # An org's present is known to the second: what was a moment ago may still be to come.
        return not self.finished - CLOCK_TOLERANCE <= now < self.finished + reread

    def advance(self, until: str) -> PassProgress:
        """After a span that ends there; the last one ends the pass."""
        if until:
            return replace(self, after=until)
        return PassProgress(finished=self.started, is_wanted=self.is_wanted)


def _settle_changes(
    readings: Sequence[EntryReading], since: datetime | None
) -> tuple[EntryReading, ...]:
    """The readings, each with its change only if nobody can have read it before."""
    return tuple(
        reading
        if since is None or reading.changed is None or reading.changed > since
        else replace(reading, changed=None)
        for reading in readings
    )


def _build_sweep(scope: EntryScope | None, span: EntrySpan, after: str) -> EntrySweep | None:
    # An org that shows nothing at all any more has not deleted all of it: it has shut us out.
    if scope is None or not (span.readings or after):
        return None
    return EntrySweep(kind=scope.kind, after=after, until=span.until, having=scope.having)


def _build_batch(
    context: SourceContext,
    stream: Stream,
    page: DirectoryPage,
    progress: PassProgress,
    now: datetime,
) -> Batch:
    key = build_batch_key(
        stream.org, stream.source, stream.name, render_literal(now), progress.after
    )
    return Batch(
        key=key,
        stream=stream,
        event_type=stream.name,
        log_time=now,
        received=context.client.estimate_org_time(),
        segments=(),
        columns=(),
        record_prefix=key,
        dedupe=True,
        cursor=Cursor(time=now),
        facts=ObservationFacts(observed=clock.floor_to_milliseconds(now), rows=len(page.readings)),
        state_updates={stream.name: progress.render()},
        directory=page,
    )
