"""Identifiers as Salesforce makes them: record ids, session surrogates, request ids."""

from __future__ import annotations

import random
import string
import uuid

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SUFFIX_ALPHABET = string.ascii_uppercase + "012345"
_KEY_ALPHABET = string.ascii_letters + string.digits + "+/"
_REQUEST_ALPHABET = string.ascii_letters + string.digits


def extend_record_id(record_id: str) -> str:
    """The 18-character form of a 15-character id: three characters say which letters are capital.

    A longer id is returned as it is.
    """
    if len(record_id) != 15:
        return record_id
    blocks = (record_id[start : start + 5] for start in (0, 5, 10))
    return record_id + "".join(
        _SUFFIX_ALPHABET[sum(1 << bit for bit, char in enumerate(block) if "A" <= char <= "Z")]
        for block in blocks
    )


class IdGenerator:
    """A source of identifiers, the same for the same generator."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._serial = rng.randrange(62**4, 62**5)

    def make_record_id(self, prefix: str) -> str:
        """A new id of 18 characters of an object with this key prefix."""
        self._serial += 1 + self._rng.randrange(60)
        return extend_record_id(f"{prefix}5f00000{_encode_base62(self._serial):0>5}")

    def make_surrogate_key(self) -> str:
        """A surrogate of a session or of a login, 16 characters."""
        return "".join(self._rng.choices(_KEY_ALPHABET, k=16))

    def make_request_id(self) -> str:
        """A transaction id, 22 characters."""
        return "4" + "".join(self._rng.choices(_REQUEST_ALPHABET, k=21))

    def make_uuid(self) -> str:
        """An EventIdentifier."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _encode_base62(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return text
