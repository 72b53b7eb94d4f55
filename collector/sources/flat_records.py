"""The records of a query as flat rows, counted as they pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

PAGE_SIZE = 2000
"""Salesforce serves at most this many records at a time, and big objects may have no second page:
exactly so many and no more is taken for a cut, and asked for again in narrower windows."""


class FlatRecords:
    """The records of all pages; what belongs to a related record becomes `Relation.Field`.

    Attributes:
        row_count: how many have passed.
    """

    def __init__(self, pages: Iterable[Collection[Mapping[str, Any]]]) -> None:
        self.row_count = 0
        self._pages = pages
        self._page_count = 0

    @property
    def is_truncated(self) -> bool:
        """Whether they fill one page to the last place, and no other page came."""
        return self._page_count == 1 and self.row_count == PAGE_SIZE

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for page in self._pages:
            self._page_count += 1
            for record in page:
                self.row_count += 1
                yield _flatten_record(record)


def _flatten_record(record: Mapping[str, Any]) -> Mapping[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{inner}": inner_value for inner, inner_value in value.items()})
        else:
            flat[name] = value
    return flat
