"""One window `(start, end]` of an object, and the query that reads it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from collector.model import Stream
from collector.salesforce.call_counter import CATCH_UP, assign_activity
from collector.salesforce.soql import check_identifier, render_literal

CATCH_UP_AGE = timedelta(hours=1)
"""What ends longer ago than this is read because nobody did in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuery:
    """How an object is read.

    Attributes:
        name: the object; also the event type of its records.
        time_field: what windows are cut on.
        order: DESC for big objects, which refuse anything else.
        related_fields: fields of related records to ask for, such as `CreatedBy.Username`.
    """

    name: str
    time_field: str
    order: Literal["ASC", "DESC"]
    related_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryWindow:
    """A window of a stream.

    Attributes:
        columns: the fields to ask for.
        horizon: up to when the present poll reads.
    """

    stream: Stream
    query: WindowQuery
    columns: tuple[str, ...]
    start: datetime
    end: datetime
    horizon: datetime

    def build_soql(self) -> str:
        """The query for its records."""
        field = check_identifier(self.query.time_field)
        names = ", ".join(map(check_identifier, self.columns))
        return (
            f"SELECT {names} FROM {check_identifier(self.query.name)}"
            f" WHERE {field} > {render_literal(self.start)}"
            f" AND {field} <= {render_literal(self.end)}"
            f" ORDER BY {field} {self.query.order}"
        )


def assign_window_calls(window: QueryWindow) -> AbstractContextManager[None]:
    """Count the calls inside as catching up, if the window is none that every poll reads."""
    if window.end < window.horizon - CATCH_UP_AGE:
        return assign_activity(CATCH_UP)
    return nullcontext()
