"""The balance of every event type: listed = stored + quarantined + lost + pending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from collector.store.account import PENDING, Item
from collector.store.ledger import LOST, QUARANTINED, STORED

REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What became of one event type of one source.

    Where the org lists files, `listed`, `stored`, `quarantined`, `lost` and `pending` count files.
    Where it answers queries, they count the records that it served; how many more there are in
    places that are `lost` nobody knows, so these are counted as places.

    Attributes:
        unit: `files` or `records`.
        fetched: what was downloaded of what was listed.
        rows: events in the archive.
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
    duplicates: int
    quarantined: int
    lost: int
    pending: int
    failing: int
    unaccounted: int
    reasons: Sequence[str]

    def problems(self) -> Iterator[str]:
        """A sentence for each kind of what is missing."""
        reasons = f": {'; '.join(self.reasons)}" if self.reasons else ""
        for number, word in (
            (self.lost, "lost"),
            (self.quarantined, "quarantined"),
            (self.unaccounted, "unaccounted for"),
        ):
            if number:
                what = f"{self.org}/{self.source}/{self.event_type}"
                yield f"{what}: {number:,} {self.unit} {word}{reasons}"


def counts(items: Iterable[Item]) -> Iterator[Count]:
    """What became of each event type."""
    for group in _by_type(items):
        listed = [item for item in group if "file" in item.facts]
        served = [item for item in group if "file" not in item.facts]
        if listed:
            yield _files(listed)
        if served:
            yield _records(served)


def _by_type(items: Iterable[Item]) -> Iterator[list[Item]]:
    def kind(item: Item) -> tuple[str, str, str]:
        return item.stream.org, item.stream.source, item.event_type

    for _, group in groupby(sorted(items, key=kind), key=kind):
        yield list(group)


def _files(items: Sequence[Item]) -> Count:
    states = [item.state for item in items]
    listed = sum(item.is_listed for item in items)
    return Count(
        org=items[0].stream.org,
        source=items[0].stream.source,
        event_type=items[0].event_type,
        unit="files",
        listed=listed,
        fetched=states.count(STORED) + states.count(QUARANTINED),
        stored=states.count(STORED),
        batches=len(items) - states.count(PENDING),
        rows=sum(item.rows for item in items),
        duplicates=sum(item.duplicates for item in items),
        quarantined=states.count(QUARANTINED),
        lost=states.count(LOST),
        pending=states.count(PENDING),
        failing=sum(item.state == PENDING and item.failures > 0 for item in items),
        unaccounted=listed - len(items),
        reasons=_reasons(items),
    )


def _records(items: Sequence[Item]) -> Count:
    taken = [item for item in items if item.state != LOST]
    served = sum(_served(item) for item in taken)
    set_aside = sum(_unread(item) for item in taken if item.state == QUARANTINED)
    return Count(
        org=items[0].stream.org,
        source=items[0].stream.source,
        event_type=items[0].event_type,
        unit="records",
        listed=served,
        fetched=served,
        stored=sum(item.rows for item in taken),
        batches=len(items),
        rows=sum(item.rows for item in taken),
        duplicates=sum(item.duplicates for item in taken),
        quarantined=set_aside,
        lost=len(items) - len(taken),
        pending=0,
        failing=0,
        unaccounted=sum(_unread(item) for item in taken) - set_aside,
        reasons=_reasons(items),
    )


def _served(item: Item) -> int:
    return int(item.facts.get("rows", item.rows + item.duplicates))


def _unread(item: Item) -> int:
    return _served(item) - item.rows - item.duplicates


def _reasons(items: Iterable[Item]) -> list[str]:
    return list(dict.fromkeys(item.reason for item in items if item.reason))[:REASONS]
