"""Whether the committed windows of every stream follow each other without a gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model import Stream
from collector.store import coverage
from collector.store.coverage import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The time of a stream that committed windows cover, and the `gaps` in it."""

    org: str
    source: str
    stream: str
    start: datetime
    until: datetime
    gaps: Sequence[Span]

    def problems(self) -> Iterator[str]:
        """A sentence for each gap."""
        for gap in self.gaps:
            stream = f"{self.org}/{self.source}/{self.stream}"
            bounds = f"{gap.start:%Y-%m-%d %H:%M:%S}Z to {gap.until:%Y-%m-%d %H:%M:%S}Z"
            yield f"{stream}: not read from {bounds}"


def windows(covered: Mapping[Stream, Sequence[Span]], *, within: Span) -> Iterator[Windows]:
    """The time that each stream covers, its backfill included, since the first of its windows."""
    together: dict[Stream, list[Span]] = {}
    for stream, spans in covered.items():
        together.setdefault(coverage.live(stream), []).extend(spans)
    for stream in sorted(together, key=str):
        spans = coverage.merged(together[stream])
        start, until = max(spans[0].start, within.start), min(spans[-1].until, within.until)
        if start < until:
            yield Windows(
                org=stream.org,
                source=stream.source,
                stream=stream.name,
                start=start,
                until=until,
                gaps=coverage.gaps(spans, within=Span(start=start, until=until)),
            )
