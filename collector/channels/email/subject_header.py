"""The subject as a header, folded and encoded by us (RFC 5322, 2.2.3, and RFC 2047).

Python's own encoder differs from version to version; 3.13 joins two encoded words as `?==?`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

MAX_LINE_LENGTH = 78
MAX_WORD_LENGTH = 75

_NAME_LENGTH = len("Subject: ")
_WORD_BYTES = 39
"""Of UTF-8 in an encoded word, so that it fits on the first line too."""


def fold_subject(text: str) -> str:
    """The value of the header for one line of printable text: lines joined by CR LF and a blank.

    Text beyond ASCII, and words that fit on no line, are encoded words.
    """
    words = text.split(" ")
    if text.isascii() and max(map(len, words)) <= MAX_LINE_LENGTH - _NAME_LENGTH and all(words):
        return "\r\n ".join(_join_words(words))
    return "\r\n ".join(map(_encode_word, _split_bytes(text)))


def _join_words(words: list[str]) -> Iterator[str]:
    line = words[0]
    length = _NAME_LENGTH + len(line)
    for word in words[1:]:
        if length + 1 + len(word) > MAX_LINE_LENGTH:
            yield line
            line, length = word, 1 + len(word)
        else:
            line, length = f"{line} {word}", length + 1 + len(word)
    yield line


def _split_bytes(text: str) -> Iterator[bytes]:
    """The text as UTF-8 in pieces of whole characters."""
    piece = b""
    for character in text:
        encoded = character.encode("utf-8")
        if len(piece) + len(encoded) > _WORD_BYTES:
            yield piece
            piece = b""
        piece += encoded
    yield piece


def _encode_word(piece: bytes) -> str:
    return f"=?utf-8?b?{b64encode(piece).decode('ascii')}?="
