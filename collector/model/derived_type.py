"""Event types that are computed from stored ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Protocol


class DerivedType(Protocol):
    """An event type that is computed from stored ones, such as one record per bulk job."""

    @property
    def source_types(self) -> Sequence[str]:
        """The event types that it reads."""

    @property
    def columns(self) -> Collection[str]:
        """The columns of its events."""

    @property
    def required_columns(self) -> Sequence[str]:
        """The columns that it reads; NULL where no file has them."""

    @property
    def max_event_distance(self) -> timedelta:
        """How far apart in time the events of one record may lie."""

    @property
    def build_select(self) -> Callable[[str], str]:
        """Its SQL, given a FROM item with those columns."""
