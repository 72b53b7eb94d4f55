"""Whether the committed windows of every stream follow each other without a gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model import Stream
from collector.store import stream_coverage
from collector.store.stream_coverage import CoverageSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCoverage:
    """The time of a stream that committed windows cover, and the `gaps` in it."""

    org: str
    source: str
    stream: str
    start: datetime
    until: datetime
    gaps: Sequence[CoverageSpan]

    def list_problems(self) -> Iterator[str]:
        """A sentence for each gap."""
        for gap in self.gaps:
            stream = f"{self.org}/{self.source}/{self.stream}"
            bounds = f"{gap.start:%Y-%m-%d %H:%M:%S}Z to {gap.until:%Y-%m-%d %H:%M:%S}Z"
            yield f"{stream}: not read from {bounds}"


def compute_window_coverage(
    covered_spans: Mapping[Stream, Sequence[CoverageSpan]], *, within: CoverageSpan
) -> Iterator[WindowCoverage]:
    """The time that each stream covers, its backfill included, since the first of its windows."""
    spans_by_stream: dict[Stream, list[CoverageSpan]] = {}
    for stream, spans in covered_spans.items():
        spans_by_stream.setdefault(stream_coverage.to_live_stream(stream), []).extend(spans)
    for stream in sorted(spans_by_stream, key=str):
        spans = stream_coverage.merge_spans(spans_by_stream[stream])
        start, until = max(spans[0].start, within.start), min(spans[-1].until, within.until)
        if start < until:
            yield WindowCoverage(
                org=stream.org,
                source=stream.source,
                stream=stream.label,
                start=start,
                until=until,
                gaps=stream_coverage.find_gaps(
                    spans, within=CoverageSpan(start=start, until=until)
                ),
            )
