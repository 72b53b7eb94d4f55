"""What the ledger keeps of a batch beside its rows, by where it came from, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFacts:
    """A query window `(start, until]`, in whole milliseconds; `rows` is how many were served.

    `is_truncated` says that the answer ended at the most that an org serves.
    """

    start: datetime
    until: datetime
    rows: int
    is_truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationFacts:
    """A look at what the org has, at a time in whole milliseconds; it made so many `rows`."""

    observed: datetime
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCountFacts:
    """Records of our own making: how many."""

    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFacts:
    """Nobody knows any more: all that told of it were files that cannot be read.

    `rows` is how many events they had, 0 where that is not known, either.
    """

    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFacts:
    """JSON that none of the others says, kept as it is; nothing, for a file that was at hand."""

    document: Mapping[str, Any] = field(default_factory=dict)


BatchFacts = (
    LogFileFacts | WindowFacts | ObservationFacts | RowCountFacts | UnknownFacts | OtherFacts
)


def render_facts(facts: BatchFacts) -> dict[str, Any]:
    """The facts as JSON, with the keys that the ledger has."""
    match facts:
        case LogFileFacts():
            fetched = {} if facts.bytes is None else {"bytes": facts.bytes}
            return {
                "file": facts.file_id,
                "log_date": facts.log_date.isoformat(),
                "created_date": facts.created_date.isoformat(),
                "interval": facts.interval,
                "sequence": facts.sequence,
                "announced_bytes": facts.announced_bytes,
                **fetched,
            }
        case WindowFacts():
            span = {"from": _render_time(facts.start), "to": _render_time(facts.until)}
            return {**span, "rows": facts.rows, "cut": facts.is_truncated}
        case ObservationFacts():
            return {"observed": _render_time(facts.observed), "rows": facts.rows}
        case RowCountFacts():
            return {"rows": facts.rows}
        case UnknownFacts():
            return {"unknown": True, **({"rows": facts.rows} if facts.rows else {})}
        case OtherFacts():
            return dict(facts.document)


def parse_facts(document: Mapping[str, Any]) -> BatchFacts:
    """The facts that say exactly this JSON; what none of the types says becomes OtherFacts."""
    try:
        facts = _read_facts(document)
    except (KeyError, TypeError, ValueError, OverflowError):
        return OtherFacts(document=document)
    return facts if render_facts(facts) == document else OtherFacts(document=document)


def _read_facts(document: Mapping[str, Any]) -> BatchFacts:
    if "file" in document:
        return LogFileFacts(
            file_id=document["file"],
            log_date=datetime.fromisoformat(document["log_date"]),
            created_date=datetime.fromisoformat(document["created_date"]),
            interval=document["interval"],
            sequence=document["sequence"],
            announced_bytes=document["announced_bytes"],
            bytes=document.get("bytes"),
        )
    if "from" in document:
        start, until = _parse_time(document["from"]), _parse_time(document["to"])
        rows, is_truncated = document["rows"], document["cut"]
        return WindowFacts(start=start, until=until, rows=rows, is_truncated=is_truncated)
    if "observed" in document:
        return ObservationFacts(observed=_parse_time(document["observed"]), rows=document["rows"])
    if "unknown" in document:
        return UnknownFacts(rows=document.get("rows", 0))
    return RowCountFacts(rows=document["rows"])


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _render_time(moment: datetime) -> str:
    """The time as SOQL says it: `2026-10-01T12:34:56.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
