"""What a query of SOQL or SOSL asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_NAMES = 2_000
"""So many objects, and as many fields, are told of a query."""

MAX_NAME_LENGTH = 255
"""Longer ones are no names. Paths over five levels of API names have fewer characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoqlOutline:
    """What a query asks for; of one that is cut off, as far as it is there.

    Attributes:
        main_object: what is behind the outermost FROM; None of SOSL, and where it is cut off.
        objects: the main one first, then those of sub-queries (as they are called there: by the
            relationship), semi-joins and SOSL's RETURNING; each once whatever the case.
        fields: what is selected, as paths: `Account.Name`, `Contacts.Email` of a sub-query,
            `What.Phone` of TYPEOF, `FIELDS(ALL)`; inside functions too. Not what conditions name.
        is_count: whether it asks for numbers of records alone.
        where_span: where in the text the condition of the outermost query stands, up to where that
            is cut off; None where there is none.
        limit: of the outermost query.
        has_relationship: whether it reads a related record, by a path or a sub-query.
    """

    main_object: str | None
    objects: tuple[str, ...]
    fields: tuple[str, ...]
    is_count: bool
    where_span: tuple[int, int] | None
    limit: int | None
    has_relationship: bool


def keep_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once whatever its case, in their order."""
    distinct: dict[str, str] = {}
    for name in names:
        if len(name) <= MAX_NAME_LENGTH and len(distinct) < MAX_NAMES:
            distinct.setdefault(name.lower(), name)
    return tuple(distinct.values())


def read_limit(text: str) -> int | None:
    """The number behind LIMIT; None for what is no whole number that fits."""
    return int(text) if text.isdigit() and len(text) <= 18 else None
