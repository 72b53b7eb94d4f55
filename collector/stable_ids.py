"""Ids that are functions of what they stand for. They are stored: the same input, the same id."""

from __future__ import annotations

import hashlib
import json

FULL_DIGITS = 64


def hash_text(text: str, *, digits: int = 32) -> str:
    """So many hexadecimal digits of the text's SHA-256; lone surrogates count as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def hash_lines(*lines: str, digits: int = 32) -> str:
    """The hash of several texts, a line each."""
    return hash_text("\n".join(lines), digits=digits)


def hash_json(value: object, *, digits: int = 32) -> str:
    """The hash of a value as JSON; keys of objects count in their order."""
    return hash_text(json.dumps(value), digits=digits)
