"""What the ledger keeps of a batch beside its rows, by where it came from, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

FactsJson = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFileFacts:
    """A listed event log file.

    Attributes:
        interval: `hourly` or `daily`.
        sequence: its number within the hour, from 1; 0 for a daily file.
        announced_bytes: its length as listed; `bytes` is what came, None before it was fetched.
    """

    file_id: str
    log_date: datetime
    created_date: datetime
    interval: str
    sequence: int
    announced_bytes: int
    bytes: int | None = None

    def to_json(self) -> FactsJson:
        """The facts as the ledger stores them."""
        fetched: FactsJson = {} if self.bytes is None else {"bytes": self.bytes}
        return {
            "file": self.file_id,
            "log_date": self.log_date.isoformat(),
            "created_date": self.created_date.isoformat(),
            "interval": self.interval,
            "sequence": self.sequence,
            "announced_bytes": self.announced_bytes,
            **fetched,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFacts:
    """A query window `(start, until]`, in whole milliseconds; `rows` is how many were served.

    `is_truncated` says that the answer ended at the most that an org serves.
    """

    start: datetime
    until: datetime
    rows: int
    is_truncated: bool

    def to_json(self) -> FactsJson:
        """The facts as the ledger stores them."""
        return {
            "from": _render_time(self.start),
            "to": _render_time(self.until),
            "rows": self.rows,
            "cut": self.is_truncated,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationFacts:
    """A look at what the org has, at a time in whole milliseconds; it made so many `rows`."""

    observed: datetime
    rows: int

    def to_json(self) -> FactsJson:
        """The facts as the ledger stores them."""
        return {"observed": _render_time(self.observed), "rows": self.rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCountFacts:
    """Records of our own making: how many."""

    rows: int

    def to_json(self) -> FactsJson:
        """The facts as the ledger stores them."""
        return {"rows": self.rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFacts:
    """JSON that none of the others says, kept as it is; nothing, for a file that was at hand."""

    document: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The facts as the ledger stores them."""
        return dict(self.document)


BatchFacts = LogFileFacts | WindowFacts | ObservationFacts | RowCountFacts | OtherFacts


def parse_facts(document: Mapping[str, Any]) -> BatchFacts:
    """The facts that say exactly this JSON; what none of the types says becomes OtherFacts."""
    try:
        found = _match_facts(document)
    except (ValueError, OverflowError):
        return OtherFacts(document=document)
    return found if found.to_json() == document else OtherFacts(document=document)


def _match_facts(document: Mapping[str, Any]) -> BatchFacts:
    """The facts with those keys. Raises ValueError or OverflowError for what cannot be read."""
    match document:
        case {
            "file": str(file_id),
            "log_date": str(log_date),
            "created_date": str(created_date),
            "interval": str(interval),
            "sequence": int(sequence),
            "announced_bytes": int(announced_bytes),
        }:
            return LogFileFacts(
                file_id=file_id,
                log_date=datetime.fromisoformat(log_date),
                created_date=datetime.fromisoformat(created_date),
                interval=interval,
                sequence=sequence,
                announced_bytes=announced_bytes,
                bytes=_read_count(document.get("bytes")),
            )
        case {"from": str(start), "to": str(until), "rows": int(rows), "cut": bool(truncated)}:
            return WindowFacts(
                start=_parse_time(start),
                until=_parse_time(until),
                rows=rows,
                is_truncated=truncated,
            )
        case {"observed": str(observed), "rows": int(rows)}:
            return ObservationFacts(observed=_parse_time(observed), rows=rows)
        case {"rows": int(rows)}:
            return RowCountFacts(rows=rows)
    return OtherFacts(document=document)


def _read_count(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise ValueError("it is no number")


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _render_time(moment: datetime) -> str:
    """The time as SOQL says it: `2026-10-01T12:34:56.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
