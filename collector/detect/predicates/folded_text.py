"""Texts without regard to case, as engines compare them."""

from __future__ import annotations


def fold_text(text: str) -> str:
    """The text as engines lower it: every character by itself, never two for one."""
    if text.isascii():
        return text.lower()
    return "".join(character.lower()[0] for character in text)
