"""Many values as few at a time: a statement cannot name any number of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_Value = TypeVar("_Value")

DEFAULT_CHUNK_SIZE = 500


def split_chunks(
    values: Iterable[_Value], size: int = DEFAULT_CHUNK_SIZE
) -> Iterator[list[_Value]]:
    """The values in their order, at most `size` at a time."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
