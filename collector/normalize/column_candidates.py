"""A native column that may fill a canonical one, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.normalize.value_readers import ValueReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCandidate:
    """A native column that may fill a canonical one."""

    native_column: str
    read_value: ValueReader


ColumnMapping = Mapping[str, tuple[ColumnCandidate, ...]]


def build_candidates(read: ValueReader, *natives: str) -> tuple[ColumnCandidate, ...]:
    """A candidate for each of the native columns, all read in the same way."""
    return tuple(ColumnCandidate(native_column=native, read_value=read) for native in natives)
