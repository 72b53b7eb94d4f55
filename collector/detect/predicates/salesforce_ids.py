"""Salesforce ids: 15 characters that mind case, and often three more that only repeat their case.

Two ids are one where their first 15 characters are.
"""

from __future__ import annotations

import re
import string

from collector.directory.display_names import ID_FIELDS
from collector.model.event_columns import ID_COLUMNS

ID_LENGTHS = (15, 18)
SHORT_ID_LENGTH = 15

_NATIVE_ID_PATTERN = re.compile(r"(?:_ID|_ID_DERIVED|Id)$")
_SUFFIX_ALPHABET = string.ascii_uppercase + "012345"
_ID_PATTERN = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def is_id_column(column: str) -> bool:
    """Whether a column of that name holds ids, which are compared as they are written."""
    return (
        column in ID_COLUMNS or column in ID_FIELDS or _NATIVE_ID_PATTERN.search(column) is not None
    )


def shorten_id(text: str) -> str | None:
    """The 15-character form of an id; None for text that is no whole id."""
    return text[:SHORT_ID_LENGTH] if _ID_PATTERN.fullmatch(text) else None


def are_ids_equal(event: str, wanted: str) -> bool:
    """Whether an event's id is the wanted one, in either form."""
    short_id = shorten_id(wanted)
    if short_id is None:
        return event == wanted
    return len(event) in ID_LENGTHS and event[:SHORT_ID_LENGTH] == short_id


def lengthen_id(text: str) -> str:
    """The 18-character form of an id, whose last three characters say which letters are capital.

    Text that is no id of 15 characters is returned as it is.
    """
    if len(text) != SHORT_ID_LENGTH or not _ID_PATTERN.fullmatch(text):
        return text
    blocks = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(
        _SUFFIX_ALPHABET[sum(1 << bit for bit, char in enumerate(block) if "A" <= char <= "Z")]
        for block in blocks
    )
