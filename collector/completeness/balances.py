"""The balance of every event type: listed = stored + quarantined + lost + pending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from collector.model import (
    BatchState,
    LogFileFacts,
    ObservationFacts,
    RowCountFacts,
    UnknownFacts,
    WindowFacts,
)
from collector.store.batch_inventory import InventoryItem

MAX_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeBalance:
    """What became of one event type of one source.

    Where the org lists files, `listed`, `stored`, `quarantined`, `lost` and `pending` count files.
    Where it answers queries, they count the records that it served; of what is
    `lost` only the places are known, so these are counted.

    Attributes:
        unit: `files` or `records`.
        fetched: what was downloaded of what was listed.
        rows: events in the archive.
        pruned: events that were, and are older than they are kept.
        duplicates: records that it had already.
        failing: of the pending files, those that were tried and could not be had.
        unaccounted: what no state explains. It has to be 0.
        reasons: why something is quarantined, lost or failing; a few of them.
    """

    org: str
    source: str
    event_type: str
    unit: str
    listed: int
    fetched: int
    stored: int
    batches: int
    rows: int
    pruned: int
    duplicates: int
    quarantined: int
    lost: int
    pending: int
    failing: int
    unaccounted: int
    reasons: Sequence[str]

    def list_problems(self) -> Iterator[str]:
        """A sentence for each kind of what is missing."""
        reasons = f": {'; '.join(self.reasons)}" if self.reasons else ""
        for number, outcome in (
            (self.lost, "lost"),
            (self.quarantined, "quarantined"),
            (self.unaccounted, "unaccounted for"),
        ):
            if number:
                name = f"{self.org}/{self.source}/{self.event_type}"
                yield f"{name}: {number:,} {self.unit} {outcome}{reasons}"


def compute_balances(items: Iterable[InventoryItem]) -> Iterator[EventTypeBalance]:
    """What became of each event type."""
    for group in _group_by_type(items):
        listed = [item for item in group if isinstance(item.facts, LogFileFacts)]
        served = [item for item in group if not isinstance(item.facts, LogFileFacts)]
        if listed:
            yield _balance_files(listed)
        if served:
            yield _balance_records(served)


def _group_by_type(items: Iterable[InventoryItem]) -> Iterator[list[InventoryItem]]:
    def build_group_key(item: InventoryItem) -> tuple[str, str, str]:
        return item.stream.org, item.stream.source, item.event_type

    for _, group in groupby(sorted(items, key=build_group_key), key=build_group_key):
        yield list(group)


def _balance_files(items: Sequence[InventoryItem]) -> EventTypeBalance:
    states = [item.state for item in items]
    pending = states.count(BatchState.PENDING) + states.count(BatchState.DAMAGED)
    listed = sum(item.is_listed for item in items)
    return EventTypeBalance(
        org=items[0].stream.org,
        source=items[0].stream.source,
        event_type=items[0].event_type,
        unit="files",
        listed=listed,
        fetched=len(items) - states.count(BatchState.PENDING) - states.count(BatchState.LOST),
        stored=states.count(BatchState.STORED),
        batches=len(items) - states.count(BatchState.PENDING),
        rows=sum(item.rows for item in items),
        pruned=sum(item.pruned for item in items),
        duplicates=sum(item.duplicates for item in items),
        quarantined=states.count(BatchState.QUARANTINED),
        lost=states.count(BatchState.LOST),
        pending=pending,
        failing=sum(item.state == BatchState.PENDING and item.failures > 0 for item in items),
        unaccounted=listed - len(items),
        reasons=_list_reasons(items),
    )


def _balance_records(items: Sequence[InventoryItem]) -> EventTypeBalance:
    stored_items = [item for item in items if item.state != BatchState.LOST]
    served = sum(_count_served(item) for item in stored_items)
    quarantined = sum(
        _count_unread(item) for item in stored_items if item.state == BatchState.QUARANTINED
    )
    return EventTypeBalance(
        org=items[0].stream.org,
        source=items[0].stream.source,
        event_type=items[0].event_type,
        unit="records",
        listed=served,
        fetched=served,
        stored=sum(item.rows + item.pruned for item in stored_items),
        batches=len(items),
        rows=sum(item.rows for item in stored_items),
        pruned=sum(item.pruned for item in stored_items),
        duplicates=sum(item.duplicates for item in stored_items),
        quarantined=quarantined,
        lost=len(items) - len(stored_items),
        pending=0,
        failing=0,
        unaccounted=sum(_count_unread(item) for item in stored_items) - quarantined,
        reasons=_list_reasons(items),
    )


def _count_served(item: InventoryItem) -> int:
    known = item.rows + item.pruned + item.duplicates
    match item.facts:
        case WindowFacts(rows=rows) | ObservationFacts(rows=rows) | RowCountFacts(rows=rows):
            return rows
        case UnknownFacts(rows=rows):
            return max(rows, known)
    return known


def _count_unread(item: InventoryItem) -> int:
    return _count_served(item) - item.rows - item.pruned - item.duplicates


def _list_reasons(items: Iterable[InventoryItem]) -> list[str]:
    return list(dict.fromkeys(item.reason for item in items if item.reason))[:MAX_REASONS]
