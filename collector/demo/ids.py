"""Identifiers as Salesforce makes them: record ids, session surrogates, request ids."""

from __future__ import annotations

import random
import string
import uuid

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SUFFIX = string.ascii_uppercase + "012345"
_KEY = string.ascii_letters + string.digits + "+/"
_REQUEST = string.ascii_letters + string.digits


def extend(record_id: str) -> str:
    """The 18-character form of a 15-character id: three characters say which letters are capital.

    A longer id is returned as it is.
    """
    if len(record_id) != 15:
        return record_id
    blocks = (record_id[start : start + 5] for start in (0, 5, 10))
    return record_id + "".join(
        _SUFFIX[sum(1 << bit for bit, char in enumerate(block) if "A" <= char <= "Z")]
        for block in blocks
    )


class Ids:
    """A source of identifiers, the same for the same generator."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._serial = rng.randrange(62**4, 62**5)

    def record(self, prefix: str) -> str:
        """A new id of 18 characters of an object with this key prefix."""
        self._serial += 1 + self._rng.randrange(60)
        return extend(f"{prefix}5f00000{_base62(self._serial):0>5}")

    def key(self) -> str:
        """A surrogate of a session or of a login, 16 characters."""
        return "".join(self._rng.choices(_KEY, k=16))

    def request(self) -> str:
        """A transaction id, 22 characters."""
        return "4" + "".join(self._rng.choices(_REQUEST, k=21))

    def uuid(self) -> str:
        """An EventIdentifier."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _base62(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return text
