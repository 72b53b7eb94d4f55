"""Turns what an org shows at one moment, which no log has, into batches of events of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector import clock
from collector.csv_segments import write_records
from collector.model import Batch, Cursor, ObservationFacts, Stream
from collector.salesforce.soql import render_literal
from collector.sources.contract import SourceContext, build_batch_key
from collector.stable_ids import FULL_DIGITS, hash_lines

OBSERVED_COLUMN = "ObservedDate"
"""The column that says when; with it, the same thing seen twice is two events."""

StateUpdates = Mapping[str, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a stream's things; the look before was at `since`, None if there was none."""

    context: SourceContext
    stream: Stream
    since: datetime | None
    time: datetime

    def build_batch(
        self,
        event_type: str,
        columns: Sequence[str],
        records: Sequence[Mapping[str, Any]],
        *,
        state_updates: StateUpdates,
    ) -> Batch:
        """The records, each with when it was observed, and their state updates."""
        observed = {OBSERVED_COLUMN: render_literal(self.time)}
        return self._assemble_batch(
            event_type,
            (*columns, OBSERVED_COLUMN),
            [{**record, **observed} for record in records],
            state_updates,
        )

    def build_silent_batch(self, event_type: str, *, state_updates: StateUpdates) -> Batch:
        """A batch without events that stores state updates."""
        return self._assemble_batch(event_type, (), [], state_updates)

    def _assemble_batch(
        self,
        event_type: str,
        columns: Sequence[str],
        records: Sequence[Mapping[str, Any]],
        state_updates: StateUpdates,
    ) -> Batch:
        stream, start, end = self.stream, render_literal(self.since), render_literal(self.time)
        # Two looks within one millisecond differ in what they saw.
        object_digest = hash_lines(*sorted(state_updates), digits=FULL_DIGITS)
        key = build_batch_key(
            stream.org, stream.source, stream.name, event_type, start, end, object_digest
        )
        segments = write_records(self.context.spool, key, columns, records).paths if records else ()
        return Batch(
            key=key,
            stream=stream,
            event_type=event_type,
            log_time=self.time,
            received=self.context.client.estimate_org_time(),
            segments=segments,
            columns=tuple(columns) if records else (),
            record_prefix=key,
            dedupe=True,
            cursor=Cursor(time=self.time),
            facts=ObservationFacts(
                observed=clock.floor_to_milliseconds(self.time), rows=len(records)
            ),
            state_updates=state_updates,
        )
