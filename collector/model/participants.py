"""The different users, addresses and apps of an alert's matches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from collector.model.fold_state import EntityOrigin


class ParticipantKind(StrEnum):
    """What takes part in an alert, in the order in which people ask."""

    USER = "user"
    ADDRESS = "address"
    APP = "app"


PARTICIPANT_COLUMNS: Mapping[ParticipantKind, tuple[str, ...]] = MappingProxyType(
    {
        ParticipantKind.USER: ("user_name", "user_id"),
        ParticipantKind.ADDRESS: ("source_ip",),
        ParticipantKind.APP: ("app_name", "app_id"),
    }
)
"""The entities that say which; a name comes before its id."""

MAX_VALUES = 50
"""So many different values of a column are kept, the least in the order of text."""

NEWCOMER_LIMIT = 5
"""So many of a kind are worth a word each; further ones whenever their number has doubled."""

ParticipantOrigins: TypeAlias = Mapping[str, tuple[EntityOrigin, ...]]
"""By column, each value in the earliest match that has it, in the order of the values."""


def find_participants(
    time: datetime, event_uid: str, entities: Mapping[str, str]
) -> ParticipantOrigins:
    """The participants of one match."""
    return {
        column: (EntityOrigin(time=time, event_uid=event_uid, value=value),)
        for columns in PARTICIPANT_COLUMNS.values()
        for column in columns
        if (value := entities.get(column))
    }


def merge_participants(parts: Iterable[ParticipantOrigins]) -> ParticipantOrigins:
    """The participants of all parts, the same in any order."""
    earliest: dict[str, dict[str, EntityOrigin]] = {}
    for part in parts:
        for column, origins in part.items():
            by_value = earliest.setdefault(column, {})
            for origin in origins:
                other = by_value.get(origin.value)
                if other is None or origin.rank < other.rank:
                    by_value[origin.value] = origin
    return {
        column: tuple(by_value[value] for value in sorted(by_value)[:MAX_VALUES])
        for column, by_value in earliest.items()
    }


def list_participants(origins: ParticipantOrigins, kind: ParticipantKind) -> tuple[str, ...]:
    """The participants of a kind by name, or by id where more of them have one."""
    columns = [origins.get(column, ()) for column in PARTICIPANT_COLUMNS[kind]]
    return tuple(origin.value for origin in max(columns, key=len))


def has_newcomer(before: ParticipantOrigins, after: ParticipantOrigins) -> bool:
    """Whether another user, address or app is there that is worth a word.

    The first of a kind is no other one: its events only say more.
    """
    return any(
        _is_worth_telling(len(list_participants(before, kind)), len(list_participants(after, kind)))
        for kind in ParticipantKind
    )


def _is_worth_telling(before: int, after: int) -> bool:
    if not 0 < before < after:
        return False
    return before < NEWCOMER_LIMIT or _count_doublings(after) > _count_doublings(before)


def _count_doublings(count: int) -> int:
    return (count // NEWCOMER_LIMIT).bit_length()
