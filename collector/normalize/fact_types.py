"""What is told more than once: the types of events that tell of one fact, and how to know them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from collector.model.event_columns import CANONICAL_COLUMNS, ColumnType

SECOND_SHIFTS = (0, 1, -1, 2, -2)
"""Seconds by which two tellings of one fact may differ, the likeliest first: one of them is cut to
the second, and each is stamped by another machine."""

ADDRESS = "coalesce(left(source_ip_key, 32), source_ip, '')"
"""SQL: the first address of an event, however it is written."""

TOLD_BY = "told_by"
"""The column of a fact with the event types that told of it, with commas between."""


def join_values(*values: str) -> str:
    """SQL: one text of several, NULL being empty; the values of a cell."""
    return " || '|' || ".join(f"coalesce({value}, '')" for value in values)


def shorten_id(*columns: str) -> str:
    """SQL: the first of these ids with 15 characters; NULL where none has a value."""
    return f"nullif(left(coalesce({', '.join(columns)}), 15), '')"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTellers:
    """Events that tell of a fact at most once: those of these types that fit the SQL condition.

    Attributes:
        condition: SQL over `operation`; empty where every event tells.
        chunk_key: SQL; where it is equal, several of them are one telling. NULL is equal to none.
            Only the first tellers of a fact may have one.
    """

    event_types: tuple[str, ...]
    condition: str = ""
    chunk_key: str = ""

    @property
    def selection(self) -> str:
        """The SQL condition of these events."""
        types = ", ".join(f"'{name}'" for name in self.event_types)
        return f"event_type IN ({types})" + (f" AND {self.condition}" if self.condition else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactPairing:
    """How to know that two events, each of other tellers, tell of one fact.

    Each telling is in one pair at most, in the order of their times.

    Attributes:
        one, other: the places of the tellers in `FactType.tellers`.
        links: pairs of SQL expressions, one for each side; where they are equal, the events name
            each other.
        likeness: the same for events that are alike; they must lie within two seconds, too.
    """

    one: int
    other: int
    links: tuple[tuple[str, str], ...] = ()
    likeness: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactType:
    """A derived event type with one event for each fact, whoever told of it.

    Attributes:
        uid_prefix: what its uids begin with.
        tellers: at most three, by preference: what the first has no value for, the next says.
        pairings: in the order in which they are tried. Each telling is the `other` of one pair at
            most, and no fact has two tellings of the same tellers.
        native_columns: which it reads beside the canonical ones.
        readings: by column, SQL over one event that says what it tells for it, where that is not
            the event's own column of this name.
        own_columns: its columns beside the canonical ones, but for `told_by`; they hold text.
        link_columns: columns in which equal values may tie events together that lie further apart.
        identity: SQL that says which fact an event tells of; NULL where it does not say so. Events
            that both say so are never paired because they are alike.
    """

    event_type: str
    uid_prefix: str
    tellers: tuple[FactTellers, ...]
    pairings: tuple[FactPairing, ...]
    native_columns: tuple[str, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)
    own_columns: tuple[str, ...] = ()
    link_columns: tuple[str, ...] = ()
    identity: str = "NULL"

    @property
    def source_types(self) -> tuple[str, ...]:
        """The types of the events that tell of it, by preference."""
        return tuple(name for tellers in self.tellers for name in tellers.event_types)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Every column that it reads."""
        return (*CANONICAL_COLUMNS, *self.native_columns)

    @property
    def fresh_columns(self) -> tuple[str, ...]:
        """Those of fresh events by which it is known what other events tell of their facts."""
        return ("event_uid", "time", *self.link_columns)

    @property
    def columns(self) -> Mapping[str, ColumnType]:
        """The columns of its events, in order."""
        own: dict[str, ColumnType] = dict.fromkeys((*self.own_columns, TOLD_BY), "VARCHAR")
        return {**CANONICAL_COLUMNS, **own}

    def list_present_tellers(self, event_types: Collection[str]) -> tuple[int, ...]:
        """The places of the tellers of which there are events, where there are these types."""
        return tuple(
            place
            for place, tellers in enumerate(self.tellers)
            if not set(event_types).isdisjoint(tellers.event_types)
        )
