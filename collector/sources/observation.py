"""Turns what was seen at one moment, which no log tells of, into batches of events of our own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.model import Batch, Cursor, Stream
from collector.salesforce.soql import literal
from collector.segments import write_records
from collector.sources.contract import Context, batch_key

OBSERVED = "ObservedDate"
"""The column that says when; with it, the same thing seen twice is two events."""

Known = Mapping[str, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a stream's things; the look before was at `since`, None if there was none."""

    context: Context
    stream: Stream
    since: datetime | None
    time: datetime

    def batch(
        self,
        event_type: str,
        columns: Sequence[str],
        records: Sequence[Mapping[str, Any]],
        *,
        remember: Known,
    ) -> Batch:
        """The records, each with when it was observed, and what to remember with them."""
        observed = {OBSERVED: literal(self.time)}
        return self._batch(
            event_type, (*columns, OBSERVED), [{**one, **observed} for one in records], remember
        )

    def silent(self, event_type: str, *, remember: Known) -> Batch:
        """No event, but something to remember."""
        return self._batch(event_type, (), [], remember)

    def _batch(
        self,
        event_type: str,
        columns: Sequence[str],
        records: Sequence[Mapping[str, Any]],
        remember: Known,
    ) -> Batch:
        stream, start, end = self.stream, literal(self.since), literal(self.time)
        # Two looks within one millisecond are told apart by what they saw.
        what = hashlib.sha256("\n".join(sorted(remember)).encode()).hexdigest()
        key = batch_key(stream.org, stream.source, stream.name, event_type, start, end, what)
        segments = write_records(self.context.spool, key, columns, records).paths if records else ()
        return Batch(
            key=key,
            stream=stream,
            event_type=event_type,
            nominal=self.time,
            received=self.context.client.now(),
            segments=segments,
            columns=tuple(columns) if records else (),
            record_prefix=key,
            dedupe=True,
            cursor=Cursor(time=self.time),
            facts={"observed": end, "rows": len(records)},
            remember=remember,
        )
