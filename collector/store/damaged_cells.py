"""Values in the state database that are not what was written: a sentence, not a traceback."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from collector.errors import DamagedStateError

ValueT = TypeVar("ValueT")

_READING_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def read_cell(kind: str, value: Any, read: Callable[[Any], ValueT]) -> ValueT:
    """What `read` makes of a stored value, which stands for a `kind`: a time, a severity.

    Raises:
        DamagedStateError: it makes nothing of it.
    """
    try:
        return read(value)
    except _READING_ERRORS:
        raise DamagedStateError(
            f"the state database is damaged: {value!r:.80} in it is to be a {kind}"
        ) from None


def parse_json_cell(text: Any) -> Any:
    """The value of stored JSON. Raises DamagedStateError where it is none."""
    return read_cell("JSON value", text, json.loads)


def mend_row(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG001
    """The row with its texts as text: one flipped bit tells SQLite that a text is bytes.

    No table has a column of bytes. Raises DamagedStateError where they are no text.
    """
    if bytes not in map(type, row):
        return row
    return tuple(
        read_cell("text", cell, bytes.decode) if isinstance(cell, bytes) else cell for cell in row
    )
